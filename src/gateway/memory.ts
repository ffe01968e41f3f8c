/**
 * Memory: state that a reload keeps, since it belongs to the process, its clients or its servers.
 */

import { Programs } from "../access/programs";
import { Requests } from "../access/requests";
import { Throttle } from "../access/throttle";
import { type HostPort, POP3_PORT, showHostPort } from "../base/address";
import { Recent } from "../base/recent";
import type { Slots } from "../base/slots";
import type { Counters } from "../metrics/counters";
import { Renewals } from "../oauth/renewals";
import { VaultMemory } from "../oauth/vault";
import { Starts } from "../process/children";
import type { Capabilities } from "../protocol/capability";
import { scanSlots } from "../scan/scanner";
import { KnownAddresses } from "../upstream/addresses";
import { Lookups, type Resolve, systemResolve } from "../upstream/lookup";
import type { OwnPlace } from "../upstream/own";
import { Ssh } from "../upstream/ssh";
import { Commands } from "../upstream/via";

/** How long it is known whether a server lists PIPELINING, in milliseconds, and of how many servers. */
const PIPELINING_AGE = 60 * 60 * 1000;
const PIPELINING_BOUND = 1000;

/** The state of a process. */
export class Memory {
  /** Where the process itself listens. */
  listeners: readonly OwnPlace[] = [];
  readonly throttle = new Throttle();
  readonly #pipelining = new Recent<boolean>(PIPELINING_BOUND, PIPELINING_AGE);
  /** Counts what the process does, for --metrics; null: nobody does. */
  counters: Counters | null = null;
  #starts: Starts | null = null;
  #programs: Programs | null = null;
  #requests: Requests | null = null;
  #vault: VaultMemory | null = null;
  #scans: Slots | null = null;
  #commands: Commands | null = null;
  readonly #ssh = new Map<string, Ssh>();
  #lookups: Lookups | null = null;
  #addresses: KnownAddresses | null = null;

  /** @param resolve how names are looked up; default: as the system does */
  constructor(private readonly resolve: Resolve = systemResolve) {}

  /** When programs were started. */
  get starts(): Starts {
    this.#starts ??= new Starts();
    return this.#starts;
  }

  /** The access control programs that run. */
  get programs(): Programs {
    this.#programs ??= new Programs(this.starts);
    return this.#programs;
  }

  /** The requests to HTTP services that run. */
  get requests(): Requests {
    this.#requests ??= new Requests();
    return this.#requests;
  }

  /** What is remembered of accounts with tokens. */
  get vault(): VaultMemory {
    this.#vault ??= new VaultMemory(new Renewals(this.starts, (...one) => this.counters?.tallies.renewals.add(one)));
    return this.#vault;
  }

  /** The commands that are connections. */
  get commands(): Commands {
    this.#commands ??= new Commands(this.starts);
    return this.#commands;
  }

  /** The logins of ssh at this host. */
  ssh(host: string): Ssh {
    const ssh = this.#ssh.get(host) ?? new Ssh(host);
    this.#ssh.set(host, ssh);
    return ssh;
  }

  /** The scans that run. */
  get scans(): Slots {
    this.#scans ??= scanSlots();
    return this.#scans;
  }

  /** The lookups that run. */
  get lookups(): Lookups {
    this.#lookups ??= new Lookups(this.resolve);
    return this.#lookups;
  }

  /** What is known of the addresses of servers. */
  get addresses(): KnownAddresses {
    this.#addresses ??= new KnownAddresses();
    return this.#addresses;
  }

  /** How much waits for its turn to start, by what it is. */
  get waiting(): Readonly<Record<string, number>> {
    return {
      login: this.throttle.waiting,
      acp: this.#programs?.waiting ?? 0,
      auth_http: this.#requests?.waiting ?? 0,
      lookup: this.#lookups?.waiting ?? 0,
      scan: this.#scans?.waiting ?? 0,
    };
  }

  /** As `Needs.pipelines`. */
  pipelines(server: HostPort): boolean {
    return this.#pipelining.get(keyOf(server)) ?? false;
  }

  /** As `Needs.learned`. */
  learned(server: HostPort, capabilities: Capabilities): void {
    this.#pipelining.set(keyOf(server), capabilities.has("PIPELINING"));
  }

  /** Ends the programs that still run. */
  async close(): Promise<void> {
    this.#programs?.close();
    this.#requests?.close();
    this.#commands?.close();
    await Promise.all([...this.#ssh.values()].map((ssh) => ssh.close()));
  }
}

function keyOf({ host, port }: HostPort): string {
  return showHostPort(host, port ?? POP3_PORT);
}
