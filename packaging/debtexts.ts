/** The texts of the Debian package that are made of other files of the project. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What belongs to this build of the package. */
export interface Build {
  readonly version: string;
  /** Whom the package names as its maintainer. */
  readonly maintainer: string;
  /** The time that all files have, in seconds since 1970. */
  readonly epoch: number;
}

/** A unit as the package has it. */
interface Unit {
  /** Its file in systemd/. */
  readonly from: string;
  readonly name: string;
  /** Texts in that file, and what stands in their place. */
  readonly changes: readonly (readonly [string | RegExp, string])[];
}

const UNITS: readonly Unit[] = [
  {
    from: "pop3.proxy-sockets.service",
    name: "pop3.proxy.service",
    changes: [
      [
        /^(?:# .*\n)+/,
        "# The gateway on the ports that pop3.proxy.socket and pop3.proxy-tls.socket open, whichever of them run; its\n" +
          "# configuration file has no listen. pop3.proxy-recipes(7) says why each of the restrictions is there and what has\n" +
          "# to be added for some options, such as ReadWritePaths= for a client log.\n",
      ],
      // It would open port 110 for those who have enabled port 995 alone.
      [/^Sockets=.*\n/m, ""],
      // Since Debian 13, /bin/kill belongs to a package that a machine need not have.
      ["/bin/kill -HUP $MAINPID", "/bin/sh -c 'kill -HUP $$$$MAINPID'"],
      ["/usr/local/bin/pop3.proxy -f /etc/pop3.proxy/gateway.toml", "/usr/bin/pop3.proxy -f /etc/pop3.proxy.toml"],
    ],
  },
  {
    from: "pop3.proxy-sockets.socket",
    name: "pop3.proxy.socket",
    changes: [
      [
        /^(?:# .*\n)+/,
        "# Port 110 of the gateway, which systemd opens: the gateway needs no right to do so. client-tls of\n" +
          "# /etc/pop3.proxy.toml says whether it offers STLS. Where that file has several services, each has a unit as this\n" +
          "# one, with the service's name as FileDescriptorName=.\n",
      ],
      [/^FileDescriptorName=.*\n/m, ""],
      ["Backlog=1024\n", "Backlog=1024\nService=pop3.proxy.service\n"],
    ],
  },
  {
    from: "pop3.proxy-sockets-tls.socket",
    name: "pop3.proxy-tls.socket",
    changes: [
      [/^# As .* for TLS/, "# As pop3.proxy.socket, on port 995, for TLS"],
      ["Service=pop3.proxy-sockets.service", "Service=pop3.proxy.service"],
    ],
  },
];

/** The units by their names. @param folder the project's units @throws Error if these are not what they were */
export function units(folder: string): ReadonlyMap<string, string> {
  const changed = UNITS.map(({ from, name, changes }) => {
    let text = readFileSync(join(folder, from), "utf8");
    for (const [what, by] of changes) {
      const next = text.replace(what, by);
      if (next === text) throw new Error(`systemd/${from} has no ${what}`);
      text = next;
    }
    return [name, text] as const;
  });
  return new Map(changed);
}

/**
 * The changes as Debian wants them.
 *
 * @param markdown CHANGELOG.md: a section for each version; "Unreleased" is that of this build
 */
export function changelog(markdown: string, { version, maintainer, epoch }: Build): string {
  const date = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
  const [, ...sections] = markdown.split(/^## /m);
  const entries = sections.map((section) => {
    const [heading = "", ...lines] = section.trimEnd().split("\n");
    const [word = ""] = heading.split(" ");
    const items = lines.join("\n").trim().split(/^\* /m).slice(1);
    const release = `pop3.proxy (${word === "Unreleased" ? version : word}) unstable; urgency=medium`;
    return `${release}\n\n${items.map(wrapped).join("")}\n -- ${maintainer}  ${date}\n`;
  });
  return entries.join("\n");
}

/** An item of the changelog: its lines have at most 80 characters. */
function wrapped(item: string): string {
  const lines: string[] = [];
  let line = "  *";
  for (const word of item.split(/\s+/).filter(Boolean)) {
    if (`${line} ${word}`.length > 80) {
      lines.push(line);
      line = "   ";
    }
    line += ` ${word}`;
  }
  return `${[...lines, line].join("\n")}\n`;
}

/**
 * Under which licenses the package is.
 *
 * @param own the project's
 * @param packed the pack, which begins with a comment that has those of the packages in it
 */
export function copyright(own: string, packed: string): string {
  const [, others = ""] = /^\/\*\n(.*?)\*\/\n/s.exec(packed) ?? [];
  if (others === "") throw new Error("the pack does not begin with licenses");
  const common = /apache/i.test(others)
    ? "\nOn Debian, the text of the Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0.\n"
    : "";
  return `pop3.proxy\n\n${own}\nThe file packed.js has the code of these packages in it:\n\n${others}${common}`;
}
