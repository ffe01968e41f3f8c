/** SIGHUP and the files of --oauth, where root has started the gateway and has been given up. */

import { chmodSync, chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { scratch } from "../real/scratch";
import { startProcess } from "../stage/process";

/** The user that owns nothing here. */
const NOBODY = 65534;

const skip = process.getuid?.() !== 0 && "only root can give itself up";

/** A file of --oauth that every user can read. @param lines those of the flow */
function oauthFile(t: TestContext, lines: string): { folder: string; file: string } {
  const folder = scratch(t);
  chmodSync(folder, 0o755);
  const file = join(folder, "oauth.toml");
  const provider = `name = "own"\naccounts = ["*@example.org"]\nserver = "127.0.0.1:1"\nclient-id = "gateway"\nscope = "mail"`;
  writeFileSync(file, `store = "store"\n[[provider]]\n${provider}\n${lines}\n`, { mode: 0o644 });
  return { folder, file };
}

test("a file that another user owns by now is not taken", { skip }, async (t) => {
  const lines = 'flow = "device"\nissuer = "http://127.0.0.1:1"';
  const { file } = oauthFile(t, lines);
  const gateway = await startProcess(["--oauth", file], { t });
  gateway.child.kill("SIGHUP");
  await gateway.saying(/ notice reload$/m);
  chownSync(file, NOBODY, NOBODY);
  gateway.child.kill("SIGHUP");
  await gateway.saying(
    / err reload code=reload reason=".*oauth\.toml: root starts the gateway, and another user owns the file/,
  );
});

test("a key of a service account that only root can read is warned of, since SIGHUP can't read it again", {
  skip,
}, async (t) => {
  const lines = 'flow = "service-account"\nkey = "own.key"\ntoken-endpoint = "http://127.0.0.1:1/token"';
  const { folder, file } = oauthFile(t, lines);
  writeFileSync(join(folder, "own.key"), "a key", { mode: 0o600 });
  const gateway = await startProcess(["--oauth", file], { t });
  await gateway.saying(/ warning tls code=unreadable reason=".*own\.key: SIGHUP can't read it again/);
  gateway.child.kill("SIGHUP");
  await gateway.saying(/ err reload code=reload reason=".*own\.key: permission denied/);
});
