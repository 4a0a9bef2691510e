/** `bench/run`: measures, prints the table, and on request writes it into docs/benchmarks.md. */
import { cleanLabs } from '../test/lab.ts';
import { writeTable } from './document.ts';
import { withBenchLab } from './lab.ts';
import { type Row, tableOf } from './report.ts';
import {
  attachRows,
  dockerRows,
  type Extent,
  fullHouseRows,
  gapRows,
  growthRows,
  leaseRows,
  manyRows,
  nameRows,
  publishRows,
  startRows,
  throughputRows,
} from './sections.ts';

const help = `Usage: bench/run [--short] [--write] [--only SECTION]
Measures Landline beside its peers, side by side in one run, in namespaces made for it. Needs root.

  --short          fewer rounds: five minutes instead of fifteen
  --write          put the table into docs/benchmarks.md
  --only SECTION   attach, growth, start, publish, names, leases, throughput, many, docker, gap or house
`;

const full: Extent = {
  attaches: 150,
  starts: 60,
  publishes: 15,
  names: 9,
  leases: [500, 1000],
  streams: 12,
  manies: 5,
  restarts: 5,
  connects: 100,
  dockers: 7,
  gaps: 9,
};
const short: Extent = {
  attaches: 40,
  starts: 20,
  publishes: 5,
  names: 3,
  leases: [100],
  streams: 4,
  manies: 1,
  restarts: 2,
  connects: 10,
  dockers: 3,
  gaps: 3,
};

type Section = readonly [name: string, what: string, measure: (extent: Extent) => Promise<Row[]>];

const sections: readonly Section[] = [
  ['attach', 'attaching one sandbox', attachRows],
  ['growth', 'attaching to a bridge that fills', growthRows],
  ['start', 'starting a command', (extent) => withBenchLab((lab) => startRows(lab, extent), 'off')],
  ['publish', 'publishing ports', publishRows],
  ['names', 'names: registering and answering', nameRows],
  ['leases', 'hundreds of leases from DHCP', (extent) => withBenchLab((lab) => leaseRows(lab, extent))],
  ['throughput', 'throughput', (extent) => withBenchLab((lab) => throughputRows(lab, extent))],
  ['many', 'two hundred environments', (extent) => withBenchLab((lab) => manyRows(lab, extent))],
  ['docker', 'environments on Docker', dockerRows],
  ['gap', 'environments and services put anew', gapRows],
  ['house', 'five hundred endpoints, and a minute of rest', (extent) => withBenchLab((lab) => fullHouseRows(lab, extent))],
];

const argv = process.argv.slice(2);
if (argv.includes('--help')) {
  process.stdout.write(help);
} else if (process.getuid?.() !== 0) {
  process.stderr.write('landline: NOT_ROOT: this makes network namespaces, and needs root\n→ use `sudo bench/run`\n');
  process.exitCode = 1;
} else {
  await measureAll();
}

async function measureAll(): Promise<void> {
  await cleanLabs();
  const only = argv.includes('--only') ? argv[argv.indexOf('--only') + 1] : undefined;
  const extent = argv.includes('--short') ? short : full;
  const rows: Row[] = [];
  for (const [name, what, measure] of sections) {
    if (only !== undefined && only !== name) continue;
    process.stderr.write(`${what} …\n`);
    rows.push(...(await measure(extent)));
  }
  const table = tableOf(rows);
  process.stdout.write(`${table}\n`);
  if (argv.includes('--write')) writeTable(table, `bench/run ${argv.join(' ')}`);
}
