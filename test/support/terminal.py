"""terminal.py COLUMNS ROWS [--type WHEN KEYS] -- COMMAND...

Runs COMMAND on a terminal of that size of its own, and passes on what it writes there. Once WHEN stands in that, KEYS
are typed (\\x03 is Ctrl-C). Its status is that of the command, 128 + N where signal N ended it.
"""
import fcntl, os, pty, struct, sys, termios

columns, rows, rest = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
when, keys = None, b''
if rest[0] == '--type':
    when, keys, rest = rest[1].encode(), rest[2].encode().decode('unicode_escape').encode(), rest[3:]
pid, fd = pty.fork()
if pid == 0:
    # Before the program looks: the size belongs to the terminal, not to the process.
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
    os.execvp(rest[1], rest[1:])
heard = b''
while True:
    try:
        part = os.read(fd, 65536)
    except OSError:
        break
    if not part:
        break
    os.write(1, part)
    heard += part
    if when is not None and when in heard:
        os.write(fd, keys)
        when = None
status = os.waitpid(pid, 0)[1]
sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
