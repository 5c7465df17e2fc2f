// Checks manifests against the schemas of Kubernetes and of the Prometheus operator: by their values
// with the models' validators, and by their names with the models' types, since the API server drops
// fields that it does not know.
//
//   node check.mjs TITLE=FILE...       from a folder that holds package.json's packages
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

const MODELS_OF_GROUP = {
  "monitoring.coreos.com": "@kubernetes-models/prometheus-operator/",
};

function moduleOf(manifest) {
  const [group] = manifest.apiVersion.split("/");
  return (MODELS_OF_GROUP[group] ?? "kubernetes-models/") + manifest.apiVersion;
}

function read(file) {
  return parseAllDocuments(readFileSync(file, "utf8")).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  });
}

/** What is wrong with the values; empty: nothing. */
async function wrongValues(manifest) {
  const { [manifest.kind]: Model } = await import(moduleOf(manifest));
  if (Model === undefined) return `there is no ${manifest.kind} in ${manifest.apiVersion}`;
  try {
    new Model(manifest).validate();
  } catch (error) {
    return error.message;
  }
  return "";
}

/** What is wrong with the names of fields, of all manifests together; empty: nothing. */
function wrongNames(manifests) {
  const folder = mkdtempSync("names-");
  try {
    const files = manifests.map((manifest, i) => {
      const file = join(folder, `${i}_${manifest.kind}.ts`);
      const type = `import("${moduleOf(manifest)}").I${manifest.kind}`;
      writeFileSync(file, `export const manifest: ${type} = ${JSON.stringify(manifest, null, 2)};\n`);
      return file;
    });
    execFileSync(
      process.execPath,
      ["node_modules/typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck",
       "--module", "nodenext", "--target", "esnext", ...files],
      { encoding: "utf8" });
    return "";
  } catch (error) {
    return error.stdout || error.message;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Breaks a copy of a manifest. */
function broken(manifest, change) {
  const copy = structuredClone(manifest);
  change(copy.spec.template.spec.containers[0]);
  return copy;
}

/** A check that lets mistakes pass is none. */
async function checkTheChecks(deployment) {
  const misspelt = broken(deployment, (container) => {
    container.livenesProbe = container.livenessProbe;
    delete container.livenessProbe;
  });
  const mistyped = broken(deployment, (container) => {
    container.ports[0].containerPort = "grpc";
  });
  if (!wrongNames([misspelt]).includes("livenesProbe")) throw new Error("livenesProbe is not noticed");
  if (!(await wrongValues(mistyped)).includes("containerPort")) {
    throw new Error("a port that is no number is not noticed");
  }
}

const sources = process.argv.slice(2).map((argument) => argument.split("="));
const manifests = [];
let failed = false;
for (const [title, file] of sources) {
  for (const manifest of read(file)) {
    const wrong = await wrongValues(manifest);
    const what = `${title}: ${manifest.kind} ${manifest.metadata.name} (${manifest.apiVersion})`;
    console.log(wrong === "" ? `ok: ${what}` : `FAILED: ${what}: ${wrong}`);
    failed ||= wrong !== "";
    manifests.push(manifest);
  }
}
const names = wrongNames(manifests);
console.log(names === "" ? `ok: every field of ${manifests.length} manifests is one of its kind's` : names);
await checkTheChecks(manifests.find((manifest) => manifest.kind === "Deployment"));
console.log("ok: a misspelt field and a value of another type are noticed");
process.exit(failed || names !== "" ? 1 : 0);
