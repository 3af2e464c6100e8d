#!/usr/bin/env python3
"""Runs a command on a terminal of its own and prints what it writes there as it comes, with \\r\\n.

    on_terminal.py COLUMNSxLINES [--until REGEX --signal NAME|--type TEXT]... -- COMMAND [ARGUMENT]...

--until: once the output since the step before matches, the command gets the signal, or the text is typed. Exit status: the
command's, 128 + N if signal N ended it; 99 if it does not end within a minute."""
import fcntl, os, pty, re, select, signal, struct, sys, termios, time

arguments, command = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
columns, lines = map(int, arguments[0].split("x"))
steps = [(re.compile(arguments[i + 1].encode(), re.S), arguments[i + 2], arguments[i + 3])
         for i in range(1, len(arguments), 4)]

pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    os.execvp(command[0], command)
seen, begin, deadline = b"", 0, time.monotonic() + 60
while True:
    ready, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
    if not ready:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        sys.exit(99)
    try:
        piece = os.read(fd, 65536)
    except OSError:  # the other side is closed
        piece = b""
    if not piece:
        break
    seen += piece
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
    found = steps and steps[0][0].search(seen, begin)
    if found:
        _, what, value = steps.pop(0)
        begin = len(seen)
        if what == "--signal":
            os.kill(pid, getattr(signal, value))
        else:
            os.write(fd, value.encode())
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(status if status >= 0 else 128 - status)
