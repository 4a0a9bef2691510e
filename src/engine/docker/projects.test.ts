/**
 * Compose files in the shape of well-known projects' own, each with nothing added but the network: what is noted, what the
 * wish is, and what Docker is asked for each service, in the order of their starts. With LANDLINE_GOLDEN=write the files
 * planned.json are written anew.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { formatEnvironment, parseDotenv, parseEnvironment } from '../../files/index.ts';
import { createOf } from './create.ts';

const folder = path.join(import.meta.dirname, 'projects');
const projects = fs.readdirSync(folder).sort();

/** Where the project's folder is, as far as its file is concerned. */
const directory = '/srv/project';

function plan(name: string): object {
  const read = (file: string): Buffer | undefined => {
    const real = path.join(folder, name, path.relative(directory, file));
    return fs.existsSync(real) ? fs.readFileSync(real) : undefined;
  };
  const dotenv = read(`${directory}/.env`);
  const { spec, notes } = parseEnvironment(read(`${directory}/compose.yaml`) ?? '', {
    file: 'compose.yaml',
    directory,
    name,
    overrides: { network: 'office' },
    variables: dotenv === undefined ? {} : parseDotenv(dotenv, '.env'),
    readFile: read,
    profiles: ['scan'],
  });
  const again = parseEnvironment(formatEnvironment(spec), { file: 'sent', directory });
  assert.deepEqual(again.spec, spec, 'what the command line sends to the daemon is the same wish');
  const { services, ...environment } = spec;
  const context = { environment: spec.name, volumes: spec.volumes ?? [], networkMode: 'container:ANCHOR', files: [], labels: {} };
  return {
    notes: notes.map((it) => `${it.line}:${it.column}: ${it.message}`),
    environment,
    containers: services.map((it) => ({
      name: it.name,
      ...(it.aliases === undefined ? {} : { aliases: it.aliases }),
      after: it.dependsOn.map((on) => `${on.service} ${on.condition.replace('service_', '')}`),
      restart: it.restartLimit === undefined ? it.restart : `${it.restart}:${it.restartLimit}`,
      create: createOf(it, { ...context, idOf: (service) => `ID-OF-${service}` }),
    })),
  };
}

test('there are at least fifteen of them', () => assert.ok(projects.length >= 15));

for (const name of projects) {
  test(`the Compose file of ${name} is taken as it is`, () => {
    const golden = path.join(folder, name, 'planned.json');
    const planned = `${JSON.stringify(plan(name), undefined, 2)}\n`;
    if (process.env['LANDLINE_GOLDEN'] === 'write') fs.writeFileSync(golden, planned);
    assert.deepEqual(JSON.parse(planned), JSON.parse(fs.readFileSync(golden, 'utf8')));
  });
}
