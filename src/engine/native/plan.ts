/** What is written for the shell and for mount(8): every text that came from a person is quoted here. */

/** One word of the shell, whatever is in it (POSIX, Shell Command Language 2.2.2). @throws Error on a NUL, which no argument can hold. */
export function quote(text: string): string {
  if (text.includes('\0')) throw new Error(`a NUL in ${JSON.stringify(text)}`);
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** One field of fstab(5) or mountinfo: what would end it or begin an escape stands in octal. */
export function escapeField(text: string): string {
  return text.replaceAll(/[\t\n\v\f\r \\#]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** What one start of a service is made of. */
export interface Plan {
  readonly hostname: string;
  /** Path of the file that stdout and stderr are appended to. */
  readonly log: string;
  /** Path of the fstab(5) with the mounts of this environment. */
  readonly ownMounts: string;
  readonly workingDir: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  /** Program and arguments that make of root whom the service is to be, and set its limits; they run the rest. */
  readonly become: readonly string[];
  /** Lines of the shell that mount what is the service's own. */
  readonly mounts: readonly string[];
  /** What tells its health, run by spawner.sh. */
  readonly check?: { readonly command: readonly string[]; readonly timeoutMs: number };
}

/**
 * The file `plan` that init.sh reads. The variables go to env(1) and not through `export`, because a shell passes on
 * only names of its own kind, and a name like `spring.profile` is allowed.
 */
export function formatPlan(plan: Plan): string {
  const variables = Object.entries(plan.variables).map(assignment);
  const become = plan.become.map((word) => `${quote(word)} `).join('');
  const words = [...variables, '"$SETSID"', '--', ...plan.command.map(quote)];
  return [
    `hostname=${quote(plan.hostname)}`,
    `log=${quote(plan.log)}`,
    `own_mounts=${quote(plan.ownMounts)}`,
    'mount_volumes() {',
    ...plan.mounts,
    ':',
    '}',
    'run() {',
    `cd -- ${quote(plan.workingDir)} || exit 126`,
    `exec ${become}env $RESET_SIGNALS -i -- ${words.join(' ')}`,
    '}',
    ...(plan.check === undefined ? [] : formatCheck(plan.check, plan.workingDir, become, variables)),
    '',
  ].join('\n');
}

/** In the namespaces of the service whose process 1 is `$1`, with its variables, where it began; writes to `$2`; ended when its time is up. */
function formatCheck(
  check: NonNullable<Plan['check']>,
  workingDir: string,
  become: string,
  variables: readonly string[],
): string[] {
  const enter = `timeout -s KILL ${check.timeoutMs / 1000} nsenter --target "$1" --mount --net --uts --pid --`;
  const begin = `sh -c 'cd -- "$1" && shift && exec "$@"' sh ${quote(workingDir)}`;
  const run = `${become}env $RESET_SIGNALS -i -- ${[...variables, ...check.command.map(quote)].join(' ')}`;
  // Redirected here, so that what the shell says of a killed program is not among what the check says.
  return ['check_service() {', `${enter} ${begin} ${run} >"$2" 2>&1`, '}'];
}

function assignment([name, value]: [string, string]): string {
  if (name === '' || name.includes('=')) throw new Error(`no variable can be named ${JSON.stringify(name)}`);
  return quote(`${name}=${value}`);
}

interface Mount {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly options: string;
}

/** fstab(5). */
export function formatMounts(mounts: readonly Mount[]): string {
  return mounts.map((it) => `${escapeField(it.source)} ${escapeField(it.target)} ${it.type} ${it.options} 0 0\n`).join('');
}

export const bind = (source: string, target: string): Mount => ({ source, target, type: 'none', options: 'bind' });

const PSEUDO = 'nosuid,nodev,noexec';
/** A source of its own: `mount -a` leaves out what is mounted already, and the daemon's /proc is `proc` on /proc. */
const procMount: Mount = { source: 'landline-proc', target: '/proc', type: 'proc', options: PSEUDO };

/**
 * A sysfs shows the links of the namespace that it was mounted in. It is mounted where the links are, and then its
 * two folders of links over the host's two: so all else of /sys (cgroups, devices) stays as it is.
 */
const sysMounts: readonly Mount[] = [
  { source: 'landline-sys', target: '/sys/class/net', type: 'sysfs', options: PSEUDO },
  bind('/sys/class/net/devices/virtual/net', '/sys/devices/virtual/net'),
  bind('/sys/class/net/class/net', '/sys/class/net'),
];

/** What every service mounts first. */
export function commonMounts(withSys: boolean): string {
  return formatMounts([procMount, ...(withSys ? sysMounts : [])]);
}
