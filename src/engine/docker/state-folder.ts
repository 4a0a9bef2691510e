/**
 * What the engine keeps on disk: for each service the files that are mounted into its container, what it said in
 * containers that are gone, and how its last start ended. ENVIRONMENT/SERVICE/ below one folder.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { ServiceSpec } from '../../core/model.ts';
import type { SandboxView } from '../index.ts';
import type { EndNote } from './status.ts';

export interface StateFolder {
  /** Writes the files of a service, in place where they are there: a container has them open by their inode. */
  writeFiles(view: SandboxView, service: ServiceSpec): readonly MountedFile[];
  /** Writes hosts and resolv.conf again, of the services that have any. */
  refresh(view: SandboxView): void;
  note(environment: string, service: string): EndNote | undefined;
  setNote(environment: string, service: string, note: EndNote | undefined): void;
  /** What the start of a container was told to stand for, where that is not what its label says. */
  digest(environment: string, service: string): { readonly container: string; readonly digest: string } | undefined;
  setDigest(environment: string, service: string, it: { readonly container: string; readonly digest: string }): void;
  /** Where lines of former containers are kept. */
  formerLog(environment: string, service: string): string;
  remove(environment: string): void;
}

export interface MountedFile {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** What of a service's wish its files are written from: kept, for `refresh` by a later daemon. */
type FileWish = Pick<NonNullable<ServiceSpec['container']>, 'dns' | 'dnsOpt' | 'dnsSearch' | 'extraHosts'>;

export function stateFolder(directory: string): StateFolder {
  const folderOf = (environment: string, service: string): string => path.join(directory, environment, service);
  const wishFile = (environment: string, service: string): string => path.join(folderOf(environment, service), 'files.json');
  const noteFile = (environment: string, service: string): string => path.join(folderOf(environment, service), 'end.json');

  const writeTexts = (folder: string, view: SandboxView, wish: FileWish): void => {
    writeInPlace(path.join(folder, 'hosts'), hostsOf(view, wish));
    writeInPlace(path.join(folder, 'resolv.conf'), resolvConfOf(view, wish));
  };

  return {
    writeFiles: (view, service) => {
      const folder = folderOf(view.environment, service.name);
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      const { dns, dnsOpt, dnsSearch, extraHosts } = service.container ?? {};
      const wish = JSON.stringify({ dns, dnsOpt, dnsSearch, extraHosts });
      writeAnew(wishFile(view.environment, service.name), wish);
      writeTexts(folder, view, service.container ?? {});
      const texts = (service.mounts ?? []).flatMap((it, index): MountedFile[] => {
        if (it.kind !== 'text') return [];
        const source = path.join(folder, `text-${index}`);
        writeInPlace(source, it.text, 0o444);
        return [{ source, target: it.target, readOnly: true }];
      });
      const own = ['hosts', 'resolv.conf'].map((it) => ({
        source: path.join(folder, it),
        target: `/etc/${it}`,
        readOnly: false,
      }));
      return [...own, ...texts];
    },
    refresh: (view) => {
      for (const service of foldersIn(path.join(directory, view.environment))) {
        const wish = readJson<FileWish>(wishFile(view.environment, service));
        if (wish !== undefined) writeTexts(folderOf(view.environment, service), view, wish);
      }
    },
    note: (environment, service) => readJson<EndNote>(noteFile(environment, service)),
    setNote: (environment, service, note) => {
      const file = noteFile(environment, service);
      if (note === undefined) return fs.rmSync(file, { force: true });
      fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      writeAnew(file, JSON.stringify(note));
    },
    digest: (environment, service) => readJson(path.join(folderOf(environment, service), 'started.json')),
    setDigest: (environment, service, it) =>
      writeAnew(path.join(folderOf(environment, service), 'started.json'), JSON.stringify(it)),
    formerLog: (environment, service) => path.join(folderOf(environment, service), 'former.log'),
    remove: (environment) => fs.rmSync(path.join(directory, environment), { recursive: true, force: true }),
  };
}

/** The inode stays: what is mounted elsewhere shows the new text. */
function writeInPlace(file: string, text: string, mode = 0o644): void {
  const before = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
  if (before !== text) fs.writeFileSync(file, text);
  fs.chmodSync(file, mode);
}

/** All or nothing. */
function writeAnew(file: string, text: string): void {
  const aside = `${file}.new`;
  fs.writeFileSync(aside, text, { flush: true });
  fs.renameSync(aside, file);
}

function readJson<T>(file: string): T | undefined {
  try {
    // A cast: nobody else writes there.
    return JSON.parse(fs.readFileSync(file, 'utf8')) as T;
  } catch (error) {
    // Node's errors of file calls carry `code`.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // Cut off by a power loss: then nothing is known.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function foldersIn(folder: string): readonly string[] {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((it) => (it.isDirectory() ? [it.name] : []));
}

/** hosts(5), with the service's own lines behind the environment's. */
function hostsOf(view: SandboxView, { extraHosts = [] }: FileWish): string {
  const lines = extraHosts.flatMap((it) => {
    const [name = '', ...rest] = it.split(':');
    const address = rest.join(':') === 'host-gateway' ? view.hostAddress : rest.join(':');
    return address === undefined ? [] : [`${address} ${name}\n`];
  });
  return view.hosts + lines.join('');
}

/** resolv.conf(5): what the service says itself goes before. */
function resolvConfOf(view: SandboxView, { dns, dnsOpt = [], dnsSearch }: FileWish): string {
  const common = view.resolvConf.split('\n').filter((line) => line !== '');
  const kept = common.filter(
    (line) => !(dns !== undefined && line.startsWith('nameserver')) && !(dnsSearch !== undefined && line.startsWith('search')),
  );
  const own = [
    ...(dns ?? []).map((it) => `nameserver ${it}`),
    ...(dnsSearch === undefined || dnsSearch.length === 0 ? [] : [`search ${dnsSearch.join(' ')}`]),
    ...(dnsOpt.length === 0 ? [] : [`options ${dnsOpt.join(' ')}`]),
  ];
  return [...own, ...kept, ''].join('\n');
}
