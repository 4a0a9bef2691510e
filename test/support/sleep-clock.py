"""A machine that sleeps: /proc/uptime, where CLOCK_BOOTTIME is read, is ahead by what a file says: sleep-clock.py FILE SHOWN"""
import os, subprocess, sys, time

slept, shown = sys.argv[1:]
real = open("/proc/uptime")
out = os.open(shown, os.O_WRONLY | os.O_CREAT)


def show():
    real.seek(0)
    up, idle = real.read().split()
    os.pwrite(out, b"%013.2f %s\n" % (float(up) + float(open(slept).read() or 0), idle.encode()), 0)


show()
subprocess.run(["mount", "--bind", shown, "/proc/uptime"], check=True)
while True:
    show()
    time.sleep(0.02)
