import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLandlineError } from '../errors.ts';
import { composeKeys, composeKeysTable, treatmentOf } from './compose-keys.ts';
import { parseEnvironment } from './environment.ts';

/** Properties of compose-spec.json (compose-spec/compose-go 0035625, July 2025), of the file and of `#/definitions/service`. */
const specification = {
  top: 'version name include services models networks volumes secrets configs',
  service: `develop deploy annotations attach build blkio_config cap_add cap_drop cgroup cgroup_parent command configs
    container_name cpu_count cpu_percent cpu_shares cpu_quota cpu_period cpu_rt_period cpu_rt_runtime cpus cpuset
    credential_spec depends_on device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file
    label_file environment expose extends provider external_links extra_hosts gpus group_add healthcheck hostname image
    init ipc isolation labels links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit
    network_mode models networks oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_stop
    privileged profiles pull_policy pull_refresh_after read_only restart runtime scale security_opt shm_size secrets
    sysctls stdin_open stop_grace_period stop_signal storage_opt tmpfs tty ulimits use_api_socket user uts userns_mode
    volumes volumes_from working_dir`,
};

test('the table has every key of the Compose Specification, and no other', () => {
  for (const level of ['top', 'service'] as const) {
    assert.deepEqual(Object.keys(composeKeys[level]).sort(), specification[level].split(/\s+/).sort());
  }
});

/** What a service of a command or of an image meets with one more key, at that key's line. */
function meet(service: string, key: string): { readonly problem: string | undefined; readonly note: string | undefined } {
  const text = `name: shop\nx-landline: { network: office }\nservices:\n  web:\n    ${service}\n    ${key}: []\n`;
  try {
    const { notes } = parseEnvironment(text, { file: 'shop.yaml', directory: '/' });
    return { problem: undefined, note: notes.find((it) => it.line === 6)?.message };
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID')) throw error;
    return { problem: error.details.problems.find((it) => it.line === 6)?.message, note: undefined };
  }
}

test('the code does what the table says, key by key', () => {
  const services = { 'command: sleep 60': false, 'image: shop/web:42': true };
  const cases = Object.entries(services).flatMap(([service, withImage]) =>
    Object.keys(composeKeys.service)
      .filter((key) => !service.startsWith(`${key}:`) && key !== 'image')
      .map((key) => ({ key, treatment: treatmentOf('service', key, withImage), ...meet(service, key) })),
  );
  for (const { key, treatment, problem, note } of cases) {
    assert.ok(treatment !== undefined);
    if (treatment.kind === 'refused') assert.ok(problem?.includes(`'${key}'`) || problem === treatment.why, `${key}: ${problem}`);
    // An empty list of ports leaves nothing to be said.
    else if (treatment.kind === 'noted' && key !== 'ports') assert.equal(note, `'${key}' has no effect: ${treatment.why}`);
    else assert.equal(problem?.includes('not part of this version') ?? false, false, `${key}: ${problem}`);
  }
});

test('the page for users has a line for each key', () => {
  const table = composeKeysTable();
  for (const level of ['top', 'service'] as const)
    for (const key of Object.keys(composeKeys[level]))
      assert.match(table, new RegExp(`^\\| \`${key}\` \\| (honoured|no effect|refused) \\|`, 'm'));
  assert.match(table, /^\| `volumes_from` \| refused \| remove it: commands run with the host's files \|$/m);
});
