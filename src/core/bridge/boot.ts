/**
 * What is written for the next boot: files of the machine's network configuration before and after. Texts only; who
 * makes them lives in `files/boot`, who writes them in `bridge`.
 */
import type { Mac } from '../../net/mac.ts';

/** Programs that configure a machine's network at boot. */
export const managers = ['NetworkManager', 'systemd-networkd', 'netplan', 'ifupdown', 'ifcfg'] as const;
export type ManagerName = (typeof managers)[number];

/** Every file of a manager's configuration that is there, by absolute path. */
export type BootFiles = ReadonlyMap<string, string>;

/** One file that changes. Left out `before`: there was none. Left out `after`: there is to be none. */
export interface BootChange {
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
  /** Permission bits of a new file. */
  readonly mode: number;
}

/** What the boot configuration is to say: the link's addresses are the bridge's, the link is its port. */
export interface BootWish {
  readonly link: string;
  readonly bridge: string;
  /** The link's MAC, which the bridge keeps whatever becomes its port. */
  readonly mac: Mac;
  /** Where the bridge's profile needs a UUID (NetworkManager). */
  readonly uuid: string;
  /**
   * IAID of the DHCP client as systemd-networkd has it: it derives it from the link's name, so the bridge would come
   * as somebody else to the server.
   */
  readonly iaid?: number;
  /** Whether ifupdown has the hooks of the package bridge-utils. */
  readonly bridgeHooks: boolean;
  /** Whether NetworkManager has the link though there is no profile for it: it makes one by itself. */
  readonly automatic: boolean;
  /** Where systemd-networkd has its configuration of the link from, as it says itself. */
  readonly networkFile?: string;
}

/** Files to write, and what a person should know of them; or why not; or that nothing there is about the link. */
export type BootPlan =
  | { readonly kind: 'absent'; readonly file: string; readonly reason: string }
  | { readonly kind: 'files'; readonly changes: readonly BootChange[]; readonly notes: readonly string[] }
  | { readonly kind: 'refused'; readonly file: string; readonly reason: string; readonly next: string };
