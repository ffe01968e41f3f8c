/**
 * The configuration file (the manual's section "Configuration File"): TOML, whose keys are the long names of options.
 * What stands above the first table is for the process, and for every service that does not say otherwise; each
 * [service.NAME] is a service. All faults are told at once, each with its place; no value is quoted, since it may be a
 * secret.
 */

import { dirname } from "node:path";
import { faultOfTable, misplaced, ROWS, unknown, withoutValue } from "./filefaults";
import { ElementFault } from "./optionrows";
import { type Draft, defaults, type Options } from "./options";
import { inFileWords, mentioned } from "./optionwords";
import { isSameListener } from "./places";
import { serviceOf, settingsWith, UsageFault } from "./rules";
import type { ServerEntry } from "./servers";
import type { ListenAddress, Service, Settings } from "./settings";
import { isTable, MOST_FAULTS, type PlacedFault, placedLines, readToml, type TextPlace, type TomlEntry } from "./toml";
import { ConfigFault, FAULTY, trustedText } from "./trustedtext";

/** The options of a configuration file. */
export interface Configuration {
  /** Those of the process, and the defaults of the services. */
  readonly own: Options;
  /** The options of each service, by its name. */
  readonly services: ReadonlyMap<string, Options>;
  readonly settings: Settings;
  /** The lines of the entries of lists of servers, where a file has them. */
  readonly entryLines?: ReadonlyMap<ServerEntry, number>;
}

/** Options that the command line gives besides the file: they replace what the file has at the top. */
export type Overlay = Partial<Options>;

/**
 * Reads a configuration file.
 *
 * @param file a full path
 * @param byRoot whether root has started the gateway: then the file must be root's
 * @throws ConfigFault
 */
export function readConfiguration(file: string, overlay: Overlay, byRoot: boolean): Configuration {
  const { text, secret } = trustedText(file, byRoot);
  const reader = new ConfigReader(dirname(file), secret);
  try {
    const configuration = reader.read(text, overlay);
    if (configuration) return configuration;
  } catch (thrown) {
    if (!(thrown instanceof EnoughFaults)) throw thrown;
  }
  const lines = placedLines(file, reader.faults);
  if (lines.length === MOST_FAULTS) lines.push(`${file}: there may be more faults than these ${MOST_FAULTS}`);
  throw new ConfigFault(lines, FAULTY);
}

/** There are as many faults as are told. */
class EnoughFaults extends Error {}

/** A service while its values are collected. */
interface ServiceDraft {
  readonly at: TextPlace;
  readonly entries: TomlEntry[];
  draft: Draft;
}

class ConfigReader {
  readonly faults: PlacedFault[] = [];
  readonly #folder: string;
  readonly #secret: boolean;
  /** Tables whose fault has been told. */
  readonly #told = new Set<string>();
  readonly #entryLines = new Map<ServerEntry, number>();
  /** Where the keys are: at the top, and in each service. */
  readonly #places = new Map<string, TextPlace>();
  /** Those of `#places` whose values have a fault: the draft has the defaults instead. */
  readonly #unread = new Set<string>();

  /** @param folder that has the file @param secret whether others can't read the file */
  constructor(folder: string, secret: boolean) {
    this.#folder = folder;
    this.#secret = secret;
  }

  /** @returns null: there are faults @throws EnoughFaults */
  read(text: string, overlay: Overlay): Configuration | null {
    const { entries, tables, faults } = readToml(text);
    for (const { reason, ...at } of faults) this.#fault(at, reason);
    const top: TomlEntry[] = [];
    const services = new Map<string, ServiceDraft>();
    for (const { path, at } of tables) this.#serviceAt(path, at, services);
    for (const entry of entries) {
      const service = entry.path.length > 1 ? this.#serviceAt(entry.path.slice(0, -1), entry.key, services) : null;
      if (service) service.entries.push(entry);
      else if (entry.path.length === 1) top.push(entry);
    }
    const own: Draft = { ...defaults };
    for (const entry of top) this.#set(own, entry, null);
    Object.assign(own, overlay);
    for (const [name, service] of services) {
      service.draft = { ...own };
      for (const entry of service.entries) this.#set(service.draft, entry, name);
    }
    if (services.size === 0 && this.faults.length === 0) {
      this.#fault({ line: 1, column: 1 }, "there is no service: add a table such as [service.pop3], with listen");
    }
    this.#refuseShared(services);
    // Rules between values whose faults have been told would only repeat these.
    if (this.faults.length > 0) return null;
    const made = [...services].flatMap(([name, service]) => this.#serviceOf(name, service) ?? []);
    const [first, ...others] = made;
    if (!first || this.faults.length > 0) return null;
    const options = new Map([...services].map(([name, { draft }]) => [name, draft] as const));
    const settings = this.#settingsOf(own, [first, ...others]);
    if (!settings) return null;
    return { own, services: options, settings, entryLines: this.#entryLines };
  }

  /** The service of a table; null: it is none, which is a fault. */
  #serviceAt(path: readonly string[], at: TextPlace, services: Map<string, ServiceDraft>): ServiceDraft | null {
    const wrong = faultOfTable(path);
    if (wrong !== null) {
      const key = JSON.stringify(path);
      if (!this.#told.has(key)) this.#fault(at, wrong);
      this.#told.add(key);
      return null;
    }
    const [, name = ""] = path;
    const service = services.get(name) ?? { at, entries: [], draft: { ...defaults } };
    services.set(name, service);
    return service;
  }

  /** @param service the name of its service; null: the entry is at the top */
  #set(draft: Draft, { path, value, key, at, elements }: TomlEntry, service: string | null): void {
    const name = path.at(-1) as string;
    const row = ROWS.get(name);
    const wrong = row ? misplaced(name, row, service) : unknown(name, service);
    if (!row || wrong !== null) {
      this.#fault(key, wrong ?? "");
      return;
    }
    const where = `${service ?? ""} ${name}`;
    this.#places.set(where, key);
    if (row.secret && !this.#secret && !(Array.isArray(value) && value.length === 0)) {
      this.#fault(
        key,
        `${name}: every user can read this file: chmod o-r it, or name a file of its own by ${name}-file`,
      );
      return;
    }
    try {
      if (row.file.read(draft, value, this.#folder)) {
        if (row.key === "servers") this.#noteEntries(draft.servers ?? [], at, elements);
        return;
      }
      this.#unread.add(where);
      this.#fault(at, `${name}: give ${row.file.expects}${isTable(value) ? ", not a table" : ""}`);
    } catch (thrown) {
      this.#unread.add(where);
      const place = thrown instanceof ElementFault ? (elements[thrown.index] ?? at) : at;
      this.#fault(place, `${name}: ${inFileWords(withoutValue((thrown as Error).message))}`);
    }
  }

  /** @param elements one for each entry, unless an element has several, with commas between */
  #noteEntries(entries: readonly ServerEntry[], at: TextPlace, elements: readonly TextPlace[]): void {
    const each = elements.length === entries.length;
    for (const [index, entry] of entries.entries()) {
      this.#entryLines.set(entry, (each ? elements[index] : undefined)?.line ?? at.line);
    }
  }

  /** Two listeners at one place. A service may have all of them, or none, which a superserver then passes. */
  #refuseShared(services: ReadonlyMap<string, ServiceDraft>): void {
    /** By their ports. */
    const all = new Map<number, { service: string; address: ListenAddress }[]>();
    const listening = [...services].filter(([, { draft }]) => draft.listen.length > 0).length;
    for (const [name, { draft, at }] of services) {
      const place = this.#places.get(`${name} listen`) ?? at;
      if (listening > 0 && draft.listen.length === 0 && !this.#unread.has(`${name} listen`)) {
        this.#fault(at, `[service.${name}] has no listen, and others have: add one, or leave them all out for systemd`);
      }
      if (draft.listen.length > 0 && draft.clientTls !== "none") {
        const about = this.#places.get(`${name} client-tls`) ?? this.#places.get(" client-tls") ?? at;
        this.#fault(about, "client-tls is of no use beside listen: write /tls or /starttls behind the port instead");
      }
      if (draft.listen.length > 0 && draft.clientProxy) {
        const about = this.#places.get(`${name} client-proxy`) ?? this.#places.get(" client-proxy") ?? at;
        this.#fault(about, "client-proxy is of no use beside listen: write /proxy behind the port instead");
      }
      for (const address of draft.listen) {
        const onPort = all.get(address.port) ?? [];
        all.set(address.port, onPort);
        const other = onPort.find((one) => isSameListener(one.address, address));
        if (other) {
          const who = other.service === name ? "another one" : `one of [service.${other.service}]`;
          this.#fault(place, `a listener of [service.${name}] is ${who}: give each its own interface or port`);
        }
        onPort.push({ service: name, address });
      }
    }
  }

  #settingsOf(own: Options, services: Settings["services"]): Settings | null {
    try {
      return settingsWith(own, services);
    } catch (thrown) {
      if (!(thrown instanceof UsageFault)) throw thrown;
      const [place] = mentioned(thrown.message).flatMap((key) => this.#places.get(` ${key}`) ?? []);
      this.#fault(place ?? { line: 1, column: 1 }, inFileWords(thrown.message));
      return null;
    }
  }

  #serviceOf(name: string, { draft, at }: ServiceDraft): Service | null {
    try {
      return serviceOf(draft, name);
    } catch (thrown) {
      if (!(thrown instanceof UsageFault)) throw thrown;
      const keys = mentioned(thrown.message);
      const places = keys.flatMap((key) => this.#places.get(`${name} ${key}`) ?? this.#places.get(` ${key}`) ?? []);
      this.#fault(places[0] ?? at, `[service.${name}]: ${inFileWords(thrown.message)}`);
      return null;
    }
  }

  /** @throws EnoughFaults */
  #fault({ line, column }: TextPlace, reason: string): void {
    this.faults.push({ line, column, reason });
    if (this.faults.length === MOST_FAULTS) throw new EnoughFaults();
  }
}
