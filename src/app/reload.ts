/**
 * SIGHUP: the configuration file, lists, maps, certificates and keys are read again. New sessions get what is new,
 * running sessions keep what they began with. After a fault anywhere all is as it was.
 */

import { inWords } from "../base/faults";
import type { Settings } from "../config/settings";
import { ConfigFault } from "../config/trustedtext";
import type { Gateway } from "../gateway/gateway";
import type { Listener } from "../listen/listener";
import type { Emit } from "../log/events";
import type { Notify } from "../process/notify";
import { requireSockets } from "../upstream/sshmaster";
import type { Watching } from "./watching";

/** What a reload needs of the process. */
interface ReloadTerms {
  /** Makes gateways of settings, which reads the files that these name. @throws Error */
  make(settings: Settings): Promise<Listener["gateways"]>;
  /** @throws Error with nothing changed */
  readonly acceptor: { replace(gateways: Listener["gateways"]): Promise<void> };
  readonly listener: Listener;
  readonly notify: Notify;
  readonly emit: Emit;
  /** null: there are no metrics. */
  readonly watching: Watching | null;
}

/** Settings of the process that are read at the start alone, by their keys in the file. */
function fixedOf({ process: own, log }: Settings): Record<string, unknown> {
  const { user, pidfile, foreground, metrics } = own;
  const { debug, brief, syslog, facility, format } = log;
  return { user, pidfile, foreground, metrics, debug, brief, syslog, facility, "log-format": format };
}

/** Reads the settings again. */
export class Reload {
  readonly #source: { readonly settings: Settings; reread(): Settings };
  readonly #terms: ReloadTerms;

  /** A reload that is wanted before that waits until the gateway serves: listeners must not be opened twice. */
  readonly #serving: Promise<void>;
  #resolveServing = () => {};

  /** @param source of the settings that the process was started with */
  constructor(source: { readonly settings: Settings; reread(): Settings }, terms: ReloadTerms) {
    this.#source = source;
    this.#terms = terms;
    this.#serving = new Promise((resolve) => {
      this.#resolveServing = resolve;
    });
  }

  /** The gateway serves. */
  begin(): void {
    this.#resolveServing();
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { make, acceptor, listener, notify, emit, watching } = this.#terms;
    await this.#serving;
    // Nobody gets new settings any more.
    if (listener.closing) return;
    notify.reloading();
    try {
      const settings = this.#source.reread();
      if (settings.services.some(({ servers }) => servers.ssh !== undefined)) requireSockets();
      const renewed = watching?.reread();
      await acceptor.replace(await make(settings));
      renewed?.();
      listener.drain = settings.process.drain;
      emit("reload", {});
      this.#warnOfFixed(settings);
      for (const gateway of listener.gateways) warnOf(gateway);
      notify.ready(servingWords(listener));
    } catch (thrown) {
      // No listener can be opened at the end, and nobody needs to know.
      if (listener.closing) return;
      const lines = thrown instanceof ConfigFault ? thrown.message.split("\n") : [inWords(thrown as Error)];
      for (const reason of lines) emit("reloadFailed", { code: "reload", reason });
      notify.ready(`${servingWords(listener)}; the last reload has failed, see the log`);
    }
  }

  #warnOfFixed(settings: Settings): void {
    const before = fixedOf(this.#source.settings);
    const after = fixedOf(settings);
    const same = (key: string) => JSON.stringify(before[key]) === JSON.stringify(after[key]);
    const changed = Object.keys(after).filter((key) => !same(key));
    if (changed.length === 0) return;
    const reason = `a new value of ${changed.join(", ")} holds from the next start on`;
    this.#terms.emit("restartNeeded", { code: "restart", reason });
  }
}

/** Logs what is to be warned of a gateway's files. */
export function warnOf({ warnings, emit }: Gateway): void {
  for (const warning of warnings) emit("warning", warning);
}

/** What systemctl status shows. */
export function servingWords({ gateways, ports }: Listener): string {
  const names = gateways.flatMap(({ service }) => service.name ?? []);
  const where = ports.length > 0 ? ` on port ${[...new Set(ports)].join(", ")}` : "";
  return `serves${names.length > 0 ? ` ${names.join(", ")}` : ""}${where}`;
}
