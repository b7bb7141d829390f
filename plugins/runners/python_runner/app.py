"""Runner `python_runner`: CPython, one program a run.

This file is run once, when the component is built; what it leaves in memory is the component. So everything that
a program may import is imported here (there is no file system afterwards), and a run begins with an interpreter that is
warm.

In: a program's text, and its bytecode back; its standard input and output are the real file descriptors 0 and 1, which the host gives an end.
Out: how it ended. Left out on purpose: limits, the clock and random numbers, which are the host's; and any attempt to
hide this file from the program. It knows nothing that is worth finding, and the next run has another interpreter.
"""

import atexit
import builtins
import gc
import importlib
import io
import marshal
import pkgutil
import random
import sys
import types
import warnings

import heap
import modules
import wit_world
import world
from wit_world.exports.runner import Compiled_Code, Compiled_Rejected, Ending_Exited, Ending_Failed
from wit_world.imports.types import Description

# The functions below find their builtins here, whatever a program does to its own.
__builtins__ = dict(vars(builtins))

FILE = "<program>"
# Errors are told in so many characters.
MAX_TOLD = 500
STDOUT = sys.stdout
BUFFER = sys.stdout.buffer


class Plugin:
    def describe(self):
        return Description("python_runner", "0.1.0", f"Runs Python {sys.version.split()[0]} programs.", [])

    def configure(self, settings):
        pass


class Runner:
    def language(self):
        return "python"

    def compile(self, source):
        try:
            code = compile(source.removeprefix("\ufeff"), FILE, "exec", dont_inherit=True)
            return Compiled_Code(marshal.dumps(code))
        except BaseException as error:
            return Compiled_Rejected(told(error))

    def run(self, program, lost=Ending_Failed("it broke what was to tell how it ended")):
        try:
            return run(marshal.loads(program.code))
        except:
            return lost


def run(code):
    main = types.ModuleType("__main__")
    main.__builtins__ = builtins
    main.__file__ = FILE
    for name in OURS:
        sys.modules.pop(name, None)
    sys.modules["__main__"] = main
    sys.argv = [FILE]
    random.seed(0)
    ending = ended_by(exec, code, main.__dict__)
    # What a program leaves for its end is part of it, and so is what it has not yet written.
    for last in (atexit._run_exitfuncs, lambda: flush(main.__dict__)):
        late = ended_by(last)
        if not isinstance(late, Ending_Exited):
            ending = late
    return ending


def ended_by(function, *arguments, settrace=sys.settrace, setprofile=sys.setprofile, deep=sys.setrecursionlimit):
    """How a call ended."""
    try:
        try:
            function(*arguments)
        finally:
            settrace(None)
            setprofile(None)
            deep(100_000)
    except SystemExit as exit:
        return Ending_Exited(status(exit.code))
    except BaseException as error:
        return Ending_Failed(told(error))
    return Ending_Exited(0)


def status(code):
    """The exit status that Python makes of the argument of `sys.exit`."""
    if code is None:
        return 0
    if not isinstance(code, int):
        return 1
    code = int.__index__(code)
    return code & 255 if -(2**63) <= code < 2**63 else 255


def told(error):
    """An error in one line. The error's class is the program's, and may do anything when it is asked."""
    name = "an error without a name"
    try:
        name = str.__str__(type.__dict__["__name__"].__get__(type(error)))
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        text = " ".join(str.split(text))[:MAX_TOLD]
        if isinstance(error, MemoryError):
            text = ""
        at = error.lineno if isinstance(error, SyntaxError) else line(error)
        name += (f": {text}" if text else "") + (f" (line {at})" if at else "")
    except BaseException:
        pass
    return name.encode("utf-8", "backslashreplace").decode()[: MAX_TOLD + 100]


def line(error):
    """The innermost line of the program that an error passed through."""
    found, at = None, BaseException.__dict__["__traceback__"].__get__(error)
    while at is not None:
        if at.tb_frame.f_code.co_filename == FILE:
            found = at.tb_lineno
        at = at.tb_next
    return found


def flush(names):
    """Writes what is left in standard output, in whatever the program put in its place, and in its own streams."""
    try:
        sys.stdout.flush()
    except OSError:
        raise
    except Exception:
        pass  # there is none, or it is closed, or its buffer was given to another
    for stream in (*names.values(), STDOUT, BUFFER):
        kind = type(stream)
        if kind is io.TextIOWrapper or kind is io.BufferedWriter:
            try:
                kind.flush(stream)
            except ValueError:
                pass


def prepare():
    """Does at build time what can be done before a program is known."""
    modules.import_all()
    # The bindings are imported piece by piece, some of them only after this file.
    for module in pkgutil.walk_packages(wit_world.__path__, "wit_world."):
        importlib.import_module(module.name)
    world.change()
    warnings.simplefilter("ignore")
    gc.collect()
    gc.freeze()
    heap.fill()


prepare()
# What a program does not find where it looks for modules.
OURS = [name for name in sys.modules if name.partition(".")[0] in ("app", "heap", "modules", "world", "wit_world")]
