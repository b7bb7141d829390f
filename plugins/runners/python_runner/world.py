"""What Python finds different here: one thread, no files, no other processes, no sockets, 32 bits.

In: the interpreter, with all modules imported. Out: the same with a few functions replaced, so that programs which only
need the look of a thread, of an event loop or of a larger stack run as they would elsewhere. Left out on purpose: real
concurrency. A thread runs when it is started, to its end; one that waits for what comes later waits for ever.
"""

import _thread
import asyncio
import builtins
import concurrent.futures
import io
import selectors
import sys
import threading
import time
import types


# LiveCodeBench's own script gives programs as many; Python itself gives 4,300.
MOST_DIGITS = 50_000


def change():
    sys.set_int_max_str_digits(MOST_DIGITS)
    # That of 64 bits, as everywhere else: programs take it for infinity.
    sys.maxsize = 2**63 - 1
    change_threads()
    change_event_loop()
    change_files()
    sys.modules["resource"] = resource()
    sys.path[:] = []
    sys.path_hooks[:] = []
    sys.path_importer_cache.clear()
    sys.meta_path[:] = [*sys.meta_path[:2], Nowhere]


class Nowhere:
    """The last place where a module is looked for."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        raise ModuleNotFoundError(f"No module named {name!r} (not in the sandbox)", name=name)


def change_threads():
    threading.Thread.start = start_at_once
    threading.Thread.join = lambda thread, timeout=None: None
    threading.Thread.is_alive = lambda thread: False
    threading.stack_size = _thread.stack_size = lambda size=0: 0
    _thread.start_new_thread = _thread.start_new = start_function_at_once
    concurrent.futures.ThreadPoolExecutor.submit = submit_at_once


def start_at_once(thread):
    """`Thread.start`: competition programs run themselves in a thread for its stack."""
    if thread._started.is_set():
        raise RuntimeError("threads can only be started once")
    thread._started.set()
    caller = threading.current_thread()
    threading._active[threading.get_ident()] = thread
    try:
        thread.run()
    except SystemExit:
        pass
    except BaseException:
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), thread)))
    finally:
        threading._active[threading.get_ident()] = caller


def start_function_at_once(function, arguments, keywords={}):
    """`_thread.start_new_thread`."""
    threading.Thread(target=function, args=arguments, kwargs=keywords).start()
    return threading.get_ident()


def submit_at_once(executor, function, /, *arguments, **keywords):
    """`ThreadPoolExecutor.submit`."""
    if executor._shutdown:
        raise RuntimeError("cannot schedule new futures after shutdown")
    future = concurrent.futures.Future()
    future.set_running_or_notify_cancel()
    try:
        future.set_result(function(*arguments, **keywords))
    except BaseException as error:
        future.set_exception(error)
    return future


class Sleep(selectors.SelectSelector):
    """Where an event loop waits: for time alone, as there is nothing else that could happen."""

    def select(self, timeout=None):
        if timeout is None or timeout > 0:
            time.sleep(1e6 if timeout is None else timeout)
        return []


class Loop(asyncio.SelectorEventLoop):
    """An event loop that no other thread and no signal wakes."""

    def __init__(self, selector=None):
        super().__init__(selector or Sleep())

    def _make_self_pipe(self):
        pass

    def _close_self_pipe(self):
        pass

    def _write_to_self(self):
        pass


def change_event_loop():
    asyncio.unix_events._DefaultEventLoopPolicy._loop_factory = Loop
    asyncio.SelectorEventLoop = asyncio.EventLoop = Loop


DEVICES = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


def change_files(real=io.open):
    """Standard input and output have the names of their files, though there is no file system."""

    def open(file, *arguments, **keywords):
        if isinstance(file, str) and file in DEVICES:
            file, keywords["closefd"] = DEVICES[file], False
        return real(file, *arguments, **keywords)

    builtins.open = io.open = open


def resource():
    """The module of limits: programs use it to ask for a larger stack."""
    module = types.ModuleType("resource")
    module.RLIM_INFINITY = -1
    for number, name in enumerate("CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS".split()):
        setattr(module, f"RLIMIT_{name}", number)
    module.getrlimit = lambda which: (-1, -1)
    module.setrlimit = lambda which, limits: None
    return module
