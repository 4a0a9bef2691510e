/** The key that updates are signed with, from its file: nobody else may be able to read it. */
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import type { DnsKeySpec } from '../../core/model.ts';
import type { Hmac, TsigKey } from '../../wire/dns/tsig.ts';
import { DnsError } from './trouble.ts';

export const hmac: Hmac = (algorithm, secret, input) =>
  new Uint8Array(createHmac(algorithm.slice('hmac-'.length), secret).update(input).digest());

const longestFile = 4096;
const advice = 'write the bare base64 secret of `dns.update.key` there, with mode 0600';

/** Read anew each time, so that what is mended counts at once. @throws DnsError */
export function readKey({ name, algorithm, secretFile: file }: DnsKeySpec): TsigKey {
  const refuse = (reason: string, advice: string): never => {
    throw new DnsError({ kind: 'secret', file, reason, advice });
  };
  let text = '';
  let mode = 0;
  try {
    const stat = fs.statSync(file);
    // Whoever reads a pipe waits for somebody to write.
    if (!stat.isFile() || stat.size > longestFile) return refuse('it is no file of a few bytes', advice);
    mode = stat.mode & 0o777;
    text = fs.readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error instanceof DnsError) throw error;
    const { code = 'error' } = error as NodeJS.ErrnoException;
    return refuse(`it cannot be read (${code})`, advice);
  }
  if ((mode & 0o177) !== 0)
    return refuse(`others may read or write it (mode ${mode.toString(8).padStart(4, '0')})`, `\`chmod 600 ${file}\``);
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0;
  if (!isBase64)
    return refuse(
      'it is not the bare base64 of a secret',
      'write nothing but the text after `secret` in the key, without quotes',
    );
  return { name, algorithm, secret: new Uint8Array(Buffer.from(text, 'base64')) };
}
