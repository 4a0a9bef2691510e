/** Images without a registry: a tar as `docker save` writes it, for `POST /images/load`. */
import { createHash } from 'node:crypto';
import { type TarEntry, tarOf } from '../../src/engine/docker/tar.ts';
import type { ContainerConfig } from '../../src/engine/docker/types.ts';

export interface ImageWish {
  /** `landline/pause:1`; the tag `latest` where it has none. */
  readonly name: string;
  readonly files: readonly TarEntry[];
  readonly config: ContainerConfig;
  /** As `docker version` spells it; left out: this machine's. */
  readonly architecture?: string;
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** One layer. The same wish gives the same bytes, and so the same image id. */
export function imageTar({ name, files, config, architecture }: ImageWish): Uint8Array {
  const layer = tarOf(files);
  const text = JSON.stringify({
    architecture: architecture ?? architectures[process.arch],
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest(layer)}`] },
    history: [{ created_by: 'landline' }],
  });
  const configFile = `${digest(text)}.json`;
  const manifest = [{ Config: configFile, RepoTags: [name.includes(':') ? name : `${name}:latest`], Layers: ['layer.tar'] }];
  return tarOf([
    { path: configFile, bytes: text },
    { path: 'layer.tar', bytes: layer },
    { path: 'manifest.json', bytes: JSON.stringify(manifest) },
  ]);
}

const digest = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
