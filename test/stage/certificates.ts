/**
 * An authority in a throw-away folder, made with openssl, and what it issues: certificates that are good, or that have
 * one fault each. Each is made at its first use and kept for the process, at whose end the folder goes.
 *
 * Everybody may read the files: a gateway that was started by root reads them again as somebody else.
 */

import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** The files of a certificate and of its key, and what is in them. */
export interface Certified {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

interface Wish {
  readonly names: readonly string[];
  /** Default: an EC key, which is made quickly. An RSA key takes up to a second, so there is one that is kept. */
  readonly key?: keyof typeof NEW_KEY | "kept RSA";
  /** When it becomes valid and when it ends to be, in days from now. */
  readonly days?: readonly [number, number];
  /** Who vouches for it; default: the authority that the tests trust. */
  readonly by?: "a stranger" | "itself";
}

const HERE = ["DNS:localhost", "IP:127.0.0.1"];

const WISHES = {
  good: { names: HERE, key: "kept RSA" },
  ec: { names: HERE },
  ec2: { names: HERE },
  expired: { names: HERE, days: [-30, -1] },
  "not yet valid": { names: HERE, days: [1, 30] },
  "self-signed": { names: HERE, by: "itself" },
  "unknown authority": { names: HERE, by: "a stranger" },
  "wrong name": { names: ["DNS:example.org", "DNS:*.localhost", "IP:127.0.0.2"] },
  "name only": { names: ["DNS:localhost"] },
  "address only": { names: ["IP:127.0.0.1"] },
  "address as a name": { names: ["DNS:127.0.0.1", "DNS:localhost"] },
  "one.example": { names: ["DNS:one.example"] },
  "two.example": { names: ["DNS:two.example", "DNS:*.two.example"] },
  "one.example, RSA": { names: ["DNS:one.example"], key: "rsa" },
  "two.example, RSA": { names: ["DNS:two.example", "DNS:*.two.example"], key: "rsa" },
  "rsa.example": { names: ["DNS:rsa.example"], key: "kept RSA" },
  "mail.example.org": { names: ["DNS:mail.example.org"] },
  "ed.example": { names: ["DNS:ed.example"], key: "ed25519" },
} satisfies Record<string, Wish>;

export type Kind = keyof typeof WISHES;

const NEW_KEY = { ec: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], rsa: ["rsa:2048"], ed25519: ["ed25519"] };

/** The RSA key that is kept, beside the sources: the tests run from a build elsewhere. It is good for nothing else. */
const KEPT_KEY = join(__dirname, "..", "..", "..", "test", "stage", "rsa.key");

/** Why tests that need certificates are skipped; false: they are not. */
export const lacking: string | false =
  !(process.env.PATH ?? "").split(delimiter).some((path) => existsSync(join(path, "openssl"))) && "there is no openssl";

let folder: string | null = null;
const made = new Map<Kind, Certified>();

/** A certificate of this kind, as PEM. */
export function certified(kind: Kind): Certified {
  const known = made.get(kind);
  if (known) return known;
  const fresh = issue(kind, WISHES[kind]);
  made.set(kind, fresh);
  return fresh;
}

/** The file of the authority that vouches for the good ones. */
export function authority(): string {
  return join(authorities(), "ca.pem");
}

/** The file of the authority that vouches for a stranger. */
export function otherAuthority(): string {
  return join(authorities(), "stranger.pem");
}

/** A file in the folder of the certificates, to be filled by a test. @param name of its own */
export function fileOf(name: string, content: string | Buffer): string {
  const file = join(authorities(), name);
  writeFileSync(file, content);
  return file;
}

/** The SHA-256 of a certificate's public key, as --server-pin wants it. */
export function pinOf({ cert }: Certified, form: "hex" | "base64" = "hex"): string {
  const key = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest(form);
}

/** The octets of a certificate, as the other side gets to see them. */
export function rawOf({ cert }: Pick<Certified, "cert">): Buffer {
  return new X509Certificate(cert).raw;
}

/** The gateway's options for certificates towards clients. */
export function withCertificates(...pairs: readonly Pick<Certified, "certFile" | "keyFile">[]): string[] {
  return pairs.flatMap(({ certFile, keyFile }) => ["--tls-cert", certFile, "--tls-key", keyFile]);
}

/** The key in a file that wants a passphrase. */
export function lockedKey({ keyFile }: Certified): string {
  openssl("pkey", "-in", keyFile, "-aes256", "-passout", "pass:sesame", "-out", "locked.key");
  return join(authorities(), "locked.key");
}

/** The folder, with two authorities in it: ours, and a stranger's. */
function authorities(): string {
  if (folder !== null) return folder;
  const path = mkdtempSync(join(tmpdir(), "pop3.proxy-tls-"));
  process.once("exit", () => rmSync(path, { recursive: true, force: true }));
  chmodSync(path, 0o755);
  folder = path;
  for (const name of ["ca", "stranger"]) {
    const argv = ["-x509", "-newkey", ...NEW_KEY.ec, "-nodes", "-subj", `/CN=${name}`, "-days", "30"];
    openssl("req", ...argv, "-keyout", `${name}.key`, "-out", `${name}.pem`);
    writeFileSync(join(path, `${name}.index`), "");
    writeFileSync(join(path, `${name}.conf`), configuration(name));
  }
  return path;
}

function issue(kind: Kind, { names, key = "ec", days = [-1, 30], by }: Wish): Certified {
  const base = kind.replace(/[ ,]+/g, "-");
  const [certFile, keyFile] = [join(authorities(), `${base}.pem`), join(authorities(), `${base}.key`)];
  if (key === "kept RSA") copyFileSync(KEPT_KEY, keyFile);
  const own = key === "kept RSA" ? ["-new", "-key", keyFile] : ["-newkey", ...NEW_KEY[key], "-keyout", keyFile];
  const asked = [...own, "-nodes", "-subj", `/CN=${kind}`];
  if (by === "itself") {
    openssl("req", "-x509", ...asked, "-addext", `subjectAltName=${names.join()}`, "-days", "30", "-out", certFile);
  } else {
    writeFileSync(`${certFile}.names`, `subjectAltName = ${names.join()}\n`);
    openssl("req", ...asked, "-out", `${certFile}.csr`);
    const times = ["-startdate", time(days[0]), "-enddate", time(days[1])];
    const files = ["-in", `${certFile}.csr`, "-out", certFile, "-extfile", `${certFile}.names`];
    const issuer = by === "a stranger" ? "stranger" : "ca";
    openssl("ca", "-config", `${issuer}.conf`, "-batch", "-notext", ...times, ...files);
  }
  chmodSync(keyFile, 0o644);
  return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

/** Runs openssl in the folder. @throws with what it said */
function openssl(...argv: string[]): void {
  execFileSync("openssl", argv, { cwd: authorities(), stdio: ["ignore", "ignore", "pipe"], timeout: 300_000 });
}

/** So many days from now, as 20260131235959Z. */
function time(days: number): string {
  return `${new Date(Date.now() + days * 86_400_000).toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
}

function configuration(issuer: string): string {
  const lines = [
    "[ca]\ndefault_ca = own\n[own]\nnew_certs_dir = .\nrand_serial = yes\nunique_subject = no",
    `database = ${issuer}.index\ncertificate = ${issuer}.pem\nprivate_key = ${issuer}.key`,
    "default_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n",
  ];
  return lines.join("\n");
}
