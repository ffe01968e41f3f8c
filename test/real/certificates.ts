/**
 * An authority in a throw-away folder, made with openssl, and what it issues: certificates for localhost and 127.0.0.1
 * that are good, or have one fault each. Files belong to the ordinary user, so that every server and client can read
 * them.
 */

import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { program, run } from "./programs";
import { put, scratch } from "./scratch";

/** The files of a certificate and of its key. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** What is asked for; without anything, an EC certificate of this hour for localhost and 127.0.0.1. */
export interface Wish {
  readonly names?: readonly string[];
  readonly kind?: "ec" | "rsa";
  /** When it becomes valid and when it ends to be, in days from now. */
  readonly days?: readonly [number, number];
}

/** Both names under which the tests reach what they have started. */
const here = ["DNS:localhost", "IP:127.0.0.1"];
const keys = { ec: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], rsa: ["rsa:2048"] };

export class Authority {
  #count = 0;

  private constructor(
    readonly folder: string,
    /** The file of its own certificate. */
    readonly ca: string,
  ) {}

  /** A new authority, gone with its test. */
  static async make(t: TestContext): Promise<Authority> {
    const folder = scratch(t);
    put(join(folder, "index"), "");
    put(join(folder, "conf"), configuration(folder));
    const argv = ["-x509", "-newkey", ...keys.ec, "-nodes", "-subj", "/CN=An authority", "-days", "30"];
    await openssl(folder, "req", ...argv, "-keyout", "ca.key", "-out", "ca.pem");
    return new Authority(folder, join(folder, "ca.pem"));
  }

  /** Issues a certificate. One after the other, please: the list of what has been issued is one file. */
  async issue(wish: Wish = {}): Promise<Certificate> {
    const made = this.#next();
    const [from, to] = wish.days ?? [-1, 30];
    put(`${made.cert}.names`, `subjectAltName = ${(wish.names ?? here).join(", ")}\n`);
    const request = [...this.#asking(wish), "-keyout", made.key, "-out", `${made.cert}.csr`];
    await openssl(this.folder, "req", ...request);
    const times = ["-startdate", time(from), "-enddate", time(to)];
    const files = ["-in", `${made.cert}.csr`, "-out", made.cert, "-extfile", `${made.cert}.names`];
    await openssl(this.folder, "ca", "-config", "conf", "-batch", "-notext", ...times, ...files);
    return made;
  }

  /** A certificate for the right names that nobody has vouched for. */
  async selfSigned(): Promise<Certificate> {
    const made = this.#next();
    const names = ["-addext", `subjectAltName = ${here.join(", ")}`, "-days", "30"];
    await openssl(this.folder, "req", "-x509", ...this.#asking({}), ...names, "-keyout", made.key, "-out", made.cert);
    return made;
  }

  #asking(wish: Wish): readonly string[] {
    return ["-newkey", ...keys[wish.kind ?? "ec"], "-nodes", "-subj", `/CN=Number ${this.#count}`];
  }

  #next(): Certificate {
    this.#count++;
    return { cert: join(this.folder, `${this.#count}.pem`), key: join(this.folder, `${this.#count}.key`) };
  }
}

/** The SHA-256 of a certificate's public key, as --server-pin wants it. */
export function pin(certificate: Certificate, form: "hex" | "base64"): string {
  const { publicKey } = new X509Certificate(readFileSync(certificate.cert));
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest(form);
}

async function openssl(folder: string, ...argv: string[]): Promise<void> {
  const outcome = await run(program("openssl"), argv, { cwd: folder });
  assert.equal(outcome.code, 0, `openssl ${argv.join(" ")}: ${outcome.stderr}`);
}

/** So many days from now, as 20260131235959Z. */
function time(days: number): string {
  return `${new Date(Date.now() + days * 86_400_000).toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
}

function configuration(folder: string): string {
  return `
[ca]
default_ca = own
[own]
database = ${folder}/index
new_certs_dir = ${folder}
rand_serial = yes
unique_subject = no
certificate = ${folder}/ca.pem
private_key = ${folder}/ca.key
default_md = sha256
policy = any
[any]
commonName = supplied
`;
}
