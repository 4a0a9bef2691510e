/** The cgroups (cgroups(7)) of a lab's containers, which outlive their processes: landline-lab/NAME of every hierarchy. */
import fs from 'node:fs';
import path from 'node:path';

const root = '/sys/fs/cgroup';

/** Removes them; true once none is left. A group whose last process is just ending cannot be removed yet. */
export function removeCgroups(name: string): boolean {
  const groups = hierarchies().map((it) => path.join(it, 'landline-lab'));
  const isGone = groups.map((it) => removeTree(path.join(it, name)));
  // Other labs may have theirs in it.
  for (const group of groups) removeGroup(group);
  return !isGone.includes(false);
}

/** Of version 2 there is one; of version 1 one for each folder. */
function hierarchies(): readonly string[] {
  if (!fs.existsSync(root)) return [];
  return fs.existsSync(`${root}/cgroup.controllers`) ? [root] : childrenOf(root);
}

function removeTree(group: string): boolean {
  if (!fs.existsSync(group)) return true;
  for (const child of childrenOf(group)) removeTree(child);
  return removeGroup(group);
}

function removeGroup(group: string): boolean {
  try {
    fs.rmdirSync(group);
    return true;
  } catch {
    return !fs.existsSync(group);
  }
}

function childrenOf(folder: string): readonly string[] {
  const entries = fs.readdirSync(folder, { withFileTypes: true });
  return entries.filter((it) => it.isDirectory()).map((it) => path.join(folder, it.name));
}
