/**
 * node:http, and nothing else. An ES import of it reads every export, and some are getters that load all of undici: a
 * third of a command's time, and megabytes of the daemon (Node 26).
 */
export const http = process.getBuiltinModule('node:http');
