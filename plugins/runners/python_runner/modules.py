"""What a program may import: the standard library, but for what needs windows, files or other processes to be of use.

In: the library of the interpreter that the component is built with. Out: its modules, imported. Left out on purpose: a
list to keep up to date; a module that does not import here is not there.
"""

import importlib
import sys

LEFT_OUT = """
    __hello__ __phello__ antigravity curses dbm ensurepip idlelib lib2to3 msilib nis ossaudiodev pip pty pydoc_data
    readline sqlite3 this tkinter turtle turtledemo test venv wsgiref xmlrpc zipapp ctypes webbrowser _ios_support _android_support _apple_support
""".split()

# Of packages, these too.
WITHIN = """
    asyncio collections.abc concurrent.futures concurrent.futures.thread email.message encodings.aliases
    encodings.ascii encodings.base64_codec encodings.cp1252 encodings.hex_codec encodings.idna encodings.latin_1
    encodings.cp1251 encodings.cp437 encodings.iso8859_15 encodings.koi8_r encodings.quopri_codec encodings.utf_7
    encodings.zlib_codec encodings.punycode encodings.raw_unicode_escape encodings.rot_13 encodings.unicode_escape encodings.utf_16
    encodings.utf_16_be encodings.utf_16_le encodings.utf_32 encodings.utf_8 encodings.utf_8_sig html.entities
    html.parser importlib.abc importlib.machinery importlib.metadata importlib.resources importlib.util json.decoder
    json.encoder json.scanner logging.handlers multiprocessing.pool os.path unittest.mock urllib.error urllib.parse
    urllib.request xml.dom.minidom xml.etree.ElementTree xml.sax zoneinfo
""".split()


def import_all():
    for name in sorted(sys.stdlib_module_names) + WITHIN:
        if name.split(".")[0] not in LEFT_OUT:
            try:
                importlib.import_module(name)
            except (Exception, SystemExit):
                pass
