/** A measurement in the namespaces that this process was started in (../alone.ts). Prints what it found as JSON. */
import { measureAttach } from './attach.ts';
import { measureGrowth } from './growth.ts';
import { measureNames } from './names.ts';
import { prepareOffice } from './office.ts';
import { measurePublishing } from './publish.ts';

const measurements = { attach: measureAttach, growth: measureGrowth, publish: measurePublishing, names: measureNames };

// Whoever wants to know is gone: then nobody needs the answer.
process.stdin.on('end', () => process.exit(1)).resume();

const [name, options = '{}'] = process.argv.slice(2);
const measurement = Object.entries(measurements).find(([it]) => it === name)?.[1];
if (measurement === undefined) throw new Error(`there is no measurement ${name}`);
const office = await prepareOffice();
process.stdout.write(JSON.stringify(await measurement(office, JSON.parse(options))));
process.exit();
