/** Debian's Prometheus: it scrapes a gateway and evaluates the alert rules, and its promtool finds nothing to criticise. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { startDemo } from "../stage/demo";
import { connectGreeted, logInAnew, quit } from "../stage/dialogue";
import { testOfDraw } from "../stage/draws";
import { atEnd } from "../stage/ending";
import { ask, startWatched } from "../stage/metrics";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";
import { lacking, start, stop, unpacked } from "./programs";
import { put, scratch } from "./scratch";

const test = testOfDraw();

const PROMETHEUS = "prometheus/usr/bin/prometheus";
const PROMTOOL = "prometheus/usr/bin/promtool";
const RULES = join(__dirname, "..", "..", "..", "packaging", "prometheus", "pop3.proxy.rules.yml");

const skip = lacking(PROMETHEUS, PROMTOOL);

/** Runs promtool, which must find nothing. */
function promtool(argv: readonly string[], input = ""): void {
  const { status, stdout, stderr } = spawnSync(unpacked(PROMTOOL), argv, {
    input,
    encoding: "utf8",
    cwd: dirname(RULES),
  });
  assert.equal(status, 0, stdout + stderr);
  assert.doesNotMatch(stdout + stderr, /FAILED|warning|non-standard|should/i);
}

/** Starts Prometheus with the rules of the package. @returns asks its API */
async function startPrometheus(t: TestContext, target: number): Promise<(query: string) => Promise<unknown>> {
  const home = scratch(t);
  const port = await freePort();
  put(join(home, "rules.yml"), readFileSync(RULES));
  put(
    join(home, "prometheus.yml"),
    [
      "global: { scrape_interval: 3s, scrape_timeout: 3s, evaluation_interval: 1s }",
      "rule_files: [rules.yml]",
      `scrape_configs: [{ job_name: pop3.proxy, static_configs: [{ targets: ["127.0.0.1:${target}"] }] }]`,
      "",
    ].join("\n"),
  );
  const argv = [`--web.listen-address=127.0.0.1:${port}`, "--config.file=prometheus.yml", "--storage.tsdb.path=data"];
  // As whoever runs the tests: nobody else may be able to read the folder of unpacked packages.
  const child = start(unpacked(PROMETHEUS), argv, { cwd: home, asRoot: true, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk));
  atEnd(t, () => stop(child));
  await until(
    () => /Server is ready to receive/.test(said),
    () => said,
    { progress: () => said.length },
  );
  return async (query) => {
    const { body } = await ask(port, `/api/v1/${query}`);
    return JSON.parse(body).data;
  };
}

test("promtool has nothing to say of the metrics, the rules and their tests", { skip }, async (t) => {
  const demo = await startDemo(t);
  const { gateway, metrics } = await startWatched(t, [`127.0.0.1:${demo.port}`]);
  const client = await connectGreeted(gateway.port, t);
  await logInAnew(client);
  await quit(client);
  promtool(["check", "metrics"], (await ask(metrics, "/metrics")).body);
  promtool(["check", "rules", RULES]);
  promtool(["test", "rules", RULES.replace(/yml$/, "test.yml")]);
});

test("Prometheus scrapes the gateway, all rules are evaluated, and a reload that fails is an alert", {
  skip,
}, async (t) => {
  const demo = await startDemo(t);
  const token = join(scratch(t), "token");
  writeFileSync(token, "token", { mode: 0o600 });
  const argv = ["-u", "root", "--metrics-token", token, `127.0.0.1:${demo.port}`];
  const { gateway, metrics } = await startWatched(t, argv);
  const api = await startPrometheus(t, metrics);
  const value = async (query: string) => {
    const { result } = (await api(`query?query=${encodeURIComponent(query)}`)) as {
      result: { value: [number, string] }[];
    };
    return result[0]?.value[1];
  };
  await until(async () => (await value("pop3proxy_accepting")) === "1");
  await until(async () => (await value('pop3proxy_reloads_total{result="failed"}')) === "0");
  const client = await connectGreeted(gateway.port, t);
  await logInAnew(client);
  await quit(client);
  await until(async () => (await value('pop3proxy_logins_total{result="success"}')) === "1");
  chmodSync(token, 0o644);
  gateway.child.kill("SIGHUP");
  await gateway.logged("reload");
  await until(async () => {
    const { alerts } = (await api("alerts")) as { alerts: { labels: { alertname: string }; state: string }[] };
    return alerts.some(({ labels, state }) => labels.alertname === "Pop3ProxyReloadFailed" && state === "firing");
  });
  // Each group has its own moments; a rule that was not evaluated yet is in no health.
  const rules = await until(async () => {
    const { groups } = (await api("rules")) as { groups: { rules: { name: string; health: string }[] }[] };
    const all = groups.flatMap((group) => group.rules);
    return all.every(({ health }) => health !== "unknown") && all;
  });
  assert.ok(rules.length > 10);
  assert.deepEqual(
    rules.filter(({ health }) => health !== "ok"),
    [],
  );
});
