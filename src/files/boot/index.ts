/**
 * Boot configuration: for each program that configures a machine's network at boot, its files in which a link has
 * addresses → its files in which a bridge over that link has them. Texts in, texts out; it reads no disk.
 *
 * What the files say besides stays as it is written: comments, other links, VLANs on the NIC, keys that are not known.
 * What cannot be rewritten surely is refused, with the file and the reason.
 */
import type { BootFiles, BootPlan, BootWish, ManagerName } from '../../core/bridge/boot.ts';
import { ifcfgFiles } from './ifcfg.ts';
import { ifupdownFiles } from './ifupdown.ts';
import { keyfileFiles } from './keyfile.ts';
import { netplanFiles } from './netplan.ts';
import { networkdFiles } from './networkd.ts';

const generators: Readonly<Record<ManagerName, (files: BootFiles, wish: BootWish) => BootPlan>> = {
  NetworkManager: keyfileFiles,
  'systemd-networkd': networkdFiles,
  netplan: netplanFiles,
  ifupdown: ifupdownFiles,
  ifcfg: ifcfgFiles,
};

export const planBootFiles = (manager: ManagerName, files: BootFiles, wish: BootWish): BootPlan =>
  generators[manager](files, wish);
