#!/bin/sh
# The page: asks the API on localhost.
printf 'Content-Type: text/html\r\n\r\n'
stock=$(busybox wget -q -O - http://localhost:8080/cgi-bin/stock)
printf '<h1>%s</h1><p>in stock: %s</p>\n' "$(cat /proc/sys/kernel/hostname)" "$stock"
