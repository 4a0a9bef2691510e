/** The image of the anchors, made here: one layer with one program, as `docker save` writes it. Its name follows from what is in it. */
import { createHash } from 'node:crypto';
import { tarOf } from '../tar.ts';
import { anchorProgram, type Processor } from './program.ts';

export interface AnchorImage {
  /** `landline/anchor:1f2e3d4c5b6a`: another image has another name. */
  readonly name: string;
  /** As Docker counts images where it keeps them in its own store: the digest of their configuration. */
  readonly id: string;
  /** For `POST /images/load`. */
  readonly tar: Uint8Array;
}

const path = 'anchor';

/** The same bytes each time, and so the same id on every host. */
export function anchorImage(processor: Processor): AnchorImage {
  const layer = tarOf([{ path, mode: 0o755, bytes: anchorProgram(processor) }]);
  const configuration = JSON.stringify({
    architecture: processor,
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: {
      Entrypoint: [`/${path}`],
      User: '65534:65534',
      Labels: { 'org.opencontainers.image.title': 'Landline anchor' },
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest(layer)}`] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'landline' }],
  });
  const id = digest(configuration);
  const name = `landline/anchor:${id.slice(0, 12)}`;
  const tar = tarOf([
    { path: `${id}.json`, bytes: configuration },
    { path: 'layer.tar', bytes: layer },
    { path: 'manifest.json', bytes: JSON.stringify([{ Config: `${id}.json`, RepoTags: [name], Layers: ['layer.tar'] }]) },
  ]);
  return { name, id: `sha256:${id}`, tar };
}

const digest = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
