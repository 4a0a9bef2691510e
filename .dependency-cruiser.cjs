// Which room may import which: the drawing of the house as a table. `npm run check` holds the house to it.
const mayImport = {
  main: ['cli', 'daemon', 'lab', 'prepare', 'node'],
  errors: [],
  version: ['package'],
  net: ['errors'],
  wire: ['net', 'errors'],
  core: ['wire', 'net', 'errors'],
  files: ['core', 'net', 'errors', 'yaml', 'zod'],
  store: ['core', 'net', 'errors', 'node'],
  host: ['wire', 'net', 'errors', 'node', 'koffi'],
  engine: ['core', 'net', 'errors', 'node'],
  'engine/native': ['engine', 'core', 'net', 'errors', 'node', 'host'],
  daemon: ['core', 'files', 'store', 'host', 'engine', 'api', 'prepare', 'wire', 'net', 'errors', 'version', 'node'],
  api: ['core', 'net', 'errors', 'node'],
  'api/contract': ['core', 'net', 'errors', 'zod'],
  cli: ['api', 'files', 'net', 'errors', 'version', 'node', 'commander'],
  prepare: ['core', 'files', 'api', 'engine', 'host', 'wire', 'net', 'errors', 'node'],
  lab: ['host', 'wire', 'net', 'errors', 'node'],
};
/** What a room shows of another without opening it: types alone. `main.ts` hands the lab to the command line. */
const mayImportTypes = { cli: ['lab', 'prepare'] };

const file = (path) => `^src/${path}\\.ts$`;
const library = (name) => `(^|/)node_modules/${name}/`;
/** Rooms that are no folder of their own, and doors that lead out of the house. */
const where = {
  main: [file('main')],
  errors: [file('errors')],
  version: [file('version')],
  'api/contract': [file('api/contract')],
  node: ['^(node:)?[a-z_0-9]+$', '^(node:)?[a-z_0-9]+/[a-z]+$'],
  commander: [library('commander')],
  koffi: [library('koffi')],
  package: ['^package\\.json$'],
  yaml: [library('yaml')],
  zod: [library('zod')],
};
const pathsOf = (room) => where[room] ?? [`^src/${room}/`];
const rooms = Object.keys(mayImport);
/** A room within a room has its own row, and not that of the room around it. */
const within = (room) => rooms.filter((it) => it.startsWith(`${room}/`)).flatMap(pathsOf);
const test = '\\.test\\.ts$';

const from = (room) => ({ path: pathsOf(room), pathNot: [test, ...within(room)] });
const rows = rooms.map((room) => ({
  name: `${room} may import only: ${mayImport[room].join(', ') || 'nothing'}`,
  severity: 'error',
  from: from(room),
  to: { pathNot: [room, ...mayImport[room], ...(mayImportTypes[room] ?? [])].flatMap(pathsOf) },
}));
const typeRows = Object.entries(mayImportTypes).map(([room, doors]) => ({
  name: `${room} may import only types of: ${doors.join(', ')}`,
  severity: 'error',
  from: from(room),
  to: { path: doors.flatMap(pathsOf), dependencyTypesNot: ['type-only'] },
}));

module.exports = {
  forbidden: [
    ...rows,
    ...typeRows,
    {
      name: 'every file of src belongs to a room of the table',
      severity: 'error',
      from: { path: '^src/', pathNot: [...rooms.flatMap(pathsOf), test] },
      to: {},
    },
    { name: 'no file imports a test', severity: 'error', from: {}, to: { path: test } },
    {
      name: 'what ships imports nothing of test or bench',
      severity: 'error',
      from: { path: '^src/', pathNot: test },
      to: { path: '^(test|bench)/' },
    },
    {
      // A room's front declares the types that its inside uses, and hands out what the inside makes: types alone may go round.
      name: 'no import goes round in a circle',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'every import is found', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^test/run-fixtures/' },
  },
};
