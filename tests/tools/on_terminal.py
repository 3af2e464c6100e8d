#!/usr/bin/env python3
"""Runs a command on a terminal of its own and prints all it writes there, with \\r\\n as it comes.

    on_terminal.py COLUMNSxLINES [--until REGEX --signal NAME] -- COMMAND [ARGUMENT]...

--until: once the output matches, the command gets the signal. Exit status: the command's, 128 + N if signal N ended it; 99 if
it does not end within a minute."""
import os, pty, re, select, signal, struct, sys, termios, time, fcntl

arguments, command = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
columns, lines = map(int, arguments[0].split("x"))
options = dict(zip(arguments[1::2], arguments[2::2]))
until = re.compile(options["--until"].encode(), re.S) if "--until" in options else None

pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    os.execvp(command[0], command)
seen, deadline = b"", time.monotonic() + 60
while True:
    ready, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
    if not ready:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        sys.stdout.buffer.write(seen)
        sys.exit(99)
    try:
        piece = os.read(fd, 65536)
    except OSError:  # the other side is closed
        piece = b""
    if not piece:
        break
    seen += piece
    if until and until.search(seen):
        os.kill(pid, getattr(signal, options["--signal"]))
        until = None
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(seen)
sys.exit(status if status >= 0 else 128 - status)
