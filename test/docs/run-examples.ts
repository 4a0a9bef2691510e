/** Runs the examples of the documents, each document from the beginning, on the machines of one office. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { TestLab } from '../lab.ts';
import { listDocuments, root } from './documents.ts';
import { type CommandStep, type FileStep, steady, steadyJson, stepsOf } from './examples.ts';

/** A daemon that has forgotten everything, so that each document begins where its reader does. */
const beginAnew = `
pid=$(cat /run/landline/landline.pid)
landline down --all >/dev/null
kill "$pid"
while [ -e "/proc/$pid" ]; do sleep 0.01; done
rm -rf /var/lib/landline/*
cp "$1" /etc/landline/landline.yaml
setsid landline daemon >>/var/log/landline.log 2>&1 </dev/null &
until landline ps >/dev/null 2>&1; do sleep 0.02; done
`;

/** Those that no environment's end would end. */
const endContainers = 'docker ps -aq | xargs -r docker rm -f';

/**
 * All those that need a Docker, or all others. The README in Chinese has the same blocks, as another test makes sure.
 */
export async function runExamples(t: TestContext, lab: TestLab, which: { readonly needsDocker: boolean }): Promise<void> {
  const configuration = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'landline-docs-')), 'landline.yaml');
  t.after(() => fs.rmSync(path.dirname(configuration), { recursive: true }));
  fs.writeFileSync(configuration, await lab.read('host', ['cat', '/etc/landline/landline.yaml']));
  for (const { file, steps } of examplesOf(which.needsDocker)) {
    await t.test(file, async () => {
      if (which.needsDocker) await lab.read('host', ['sh', '-ec', endContainers]);
      await lab.read('host', ['sh', '-ec', beginAnew, 'sh', configuration]);
      const folder = path.join(path.dirname(configuration), file.replaceAll('/', '-'));
      fs.mkdirSync(folder);
      fs.symlinkSync(path.join(root, 'examples'), path.join(folder, 'examples'));
      for (const step of steps) await run(lab, file, folder, step);
    });
  }
}

const examplesOf = (
  needsDocker: boolean,
): readonly { readonly file: string; readonly steps: readonly (FileStep | CommandStep)[] }[] =>
  listDocuments()
    .filter((it) => it.file !== 'README.zh-CN.md')
    .map((it) => ({
      file: it.file,
      steps: stepsOf(it).filter((step) => step.kind === 'file' || step.needsDocker === needsDocker),
    }))
    .filter((it) => it.steps.some((step) => step.kind === 'command'));

async function run(lab: TestLab, file: string, folder: string, step: FileStep | CommandStep): Promise<void> {
  if (step.kind === 'file') {
    fs.writeFileSync(path.join(folder, step.name), step.text);
    if (step.name === 'landline.yaml') await configure(lab, step.text);
    return;
  }
  const script = `cd ${folder}\nexec 2>&1\n${step.script}`;
  const { status, stdout, stderr } = await lab.exec(step.machine, ['sh', '-ec', script]);
  const where = `${file}:${step.line}`;
  assert.equal(status, step.status, `${where} ended with ${status}:\n${stdout}${stderr}`);
  if (step.output?.kind === 'text') assert.equal(steady(stdout), steady(step.output.text), `${where} printed something else`);
  if (step.output?.kind === 'json') {
    assert.deepEqual(steadyJson(JSON.parse(stdout)), steadyJson(JSON.parse(step.output.text)), `${where} printed something else`);
  }
}

/** As an administrator would: write the file, send SIGHUP, and see it in the log. */
async function configure(lab: TestLab, text: string): Promise<void> {
  const script = `
cat >/etc/landline/landline.yaml
before=$(grep -c 'configuration read' /var/log/landline.log || true)
kill -HUP "$(cat /run/landline/landline.pid)"
until [ "$(grep -c 'configuration read' /var/log/landline.log)" -gt "$before" ]; do sleep 0.02; done`;
  await lab.read('host', ['sh', '-ec', script], { stdin: text });
}
