import { markedPackage } from "@countersign/testkit";
import { publishedAt } from "../cast.ts";
import { unsealedGates, type Attack } from "../cell.ts";
import { lockOf } from "../lock.ts";
import type { Scene } from "../scene.ts";
import { attack, driftUndecided, jsonLock, lock, once, type Strike, type Strikes } from "./builders.ts";

export const graphAttacks: readonly Attack[] = [
  attack({
    id: "linked-folder",
    title: "a link to a folder of the repository",
    gates: [...unsealedGates, "sealed"],
    codes: ["lockfile/link-outside", "source/path"],
    strikes: {
      npm: (scene) => {
        plantFolder(scene);
        return jsonLock(({ packages = {} }) => {
          packages["node_modules/leaf"] = { resolved: "docs/leaf", link: true };
          packages["docs/leaf"] = { name: "leaf", version: "1.0.0" };
        })(scene);
      },
      pnpm: (scene) => {
        plantFolder(scene);
        scene.edit("pnpm-lock.yaml", (text) =>
          once(text, "        version: 1.0.0\n", "        version: link:docs/leaf\n"),
        );
      },
      bun: (scene) => {
        plantFolder(scene);
        scene.edit("bun.lock", (text) =>
          once(text, /"leaf": \[.*\],\n/, '"leaf": ["leaf@file:docs/leaf", {}],\n'),
        );
      },
    },
  }),
  attack({
    id: "alias",
    title: "an alias: another signed package under leaf's name",
    gates: [...unsealedGates, "sealed"],
    codes: ["drift/alias"],
    holes: [driftUndecided],
    strikes: {
      npm: jsonLock(({ packages = {} }, { npm }) => {
        packages["node_modules/leaf"] = {
          name: "mallory",
          version: "1.0.0",
          resolved: npm.mallory.tarballUrl,
          integrity: npm.mallory.integrity,
        };
      }),
      pnpm: async (scene) =>
        scene.write({
          "pnpm-lock.yaml": once(
            await lockOf(scene, "with mallory"),
            /( {6}leaf:\n {8}specifier: 1\.0\.0\n {8}version: )1\.0\.0\n( {6}mallory:\n.*\n.*\n)/,
            "      leaf:\n        specifier: 1.0.0\n        version: mallory@1.0.0\n",
          ),
        }),
      bun: lock((text, { npm }) =>
        once(
          text,
          /"leaf": \[.*\],\n/,
          `"leaf": ["mallory@1.0.0", "${npm.mallory.tarballUrl}", {}, "${npm.mallory.integrity}"],\n`,
        ),
      ),
    },
  }),
  attack({
    id: "alias-unsigned",
    title: "an alias: a package that nobody vouches for under leaf's name",
    codes: ["signature/absent"],
    strikes: {
      npm: (scene) => {
        unsign(scene);
        return jsonLock(({ packages = {} }, { npm }) => {
          packages["node_modules/leaf"] = {
            name: "mallory",
            version: "1.0.0",
            resolved: npm.mallory.tarballUrl,
            integrity: npm.mallory.integrity,
          };
        })(scene);
      },
    },
  }),
  attack({
    id: "invented-edge",
    title: "an edge that no manifest has, to a signed package of the attacker's",
    gates: [...unsealedGates, "sealed"],
    codes: ["drift/edge", "drift/new-package"],
    holes: [driftUndecided],
    strikes: inventedEdge(() => {}),
  }),
  attack({
    id: "invented-edge-unsigned",
    title: "an edge that no manifest has, to a package that nobody vouches for",
    codes: ["signature/absent"],
    strikes: inventedEdge(unsign),
  }),
];

/** mallory as published by somebody whose registry signs nothing. */
function unsign({ kit }: Scene): void {
  kit.npm.publish({ ...markedPackage({ name: "mallory", evil: true }), publishedAt, signature: false });
}

function plantFolder(scene: Scene): void {
  const marked = markedPackage({ name: "leaf", evil: true });
  const files = Object.fromEntries(
    (marked.files ?? []).map(({ path, content }) => [`docs/leaf/${path}`, content]),
  );
  scene.write({
    ...files,
    "docs/leaf/package.json": JSON.stringify({
      name: "leaf",
      version: "1.0.0",
      scripts: marked.scripts,
      ...marked.manifest,
    }),
  });
  scene.planted.push("project/docs");
}

function inventedEdge(before: (scene: Scene) => void): Strikes {
  const from =
    (change: (text: string, scene: Scene) => string): Strike =>
    async (scene) => {
      before(scene);
      scene.write({ [scene.adapter.lockfile]: change(await lockOf(scene, "with mallory"), scene) });
    };
  return {
    npm: from((text) => {
      const document = JSON.parse(text) as {
        packages: Record<string, { dependencies?: Record<string, string> }>;
      };
      delete document.packages[""]?.dependencies?.["mallory"];
      Object.assign(document.packages["node_modules/trunk"]?.dependencies ?? {}, { mallory: "1.0.0" });
      return `${JSON.stringify(document, null, 2)}\n`;
    }),
    pnpm: from((text) =>
      once(
        once(text, / {6}mallory:\n {8}specifier: .*\n {8}version: .*\n/, ""),
        "      twig: 1.0.0\n",
        "      mallory: 1.0.0\n      twig: 1.0.0\n",
      ),
    ),
    yarn: from((text) =>
      once(
        once(text, '    mallory: "npm:1.0.0"\n', ""),
        '    twig: "npm:1.0.0"\n',
        '    mallory: "npm:1.0.0"\n    twig: "npm:1.0.0"\n',
      ),
    ),
    bun: from((text) =>
      once(
        once(text, '        "mallory": "1.0.0",\n', ""),
        '"dependencies": { "twig": "1.0.0" }',
        '"dependencies": { "mallory": "1.0.0", "twig": "1.0.0" }',
      ),
    ),
    deno: from((text) => {
      const document = JSON.parse(text) as {
        specifiers: Record<string, string>;
        npm: Record<string, { dependencies?: string[] }>;
        workspace: { packageJson: { dependencies: string[] } };
      };
      delete document.specifiers["npm:mallory@1.0.0"];
      const { packageJson } = document.workspace;
      packageJson.dependencies = packageJson.dependencies.filter((each) => !each.includes("mallory"));
      document.npm["trunk@1.0.0"]?.dependencies?.unshift("mallory");
      return `${JSON.stringify(document, null, 2)}\n`;
    }),
    ...(before === unsign
      ? {}
      : {
          uv: from((text) =>
            once(
              once(once(text, '    { name = "mallory" },\n', ""), /.*name = "mallory", specifier.*\n/, ""),
              '    { name = "twig" },\n',
              '    { name = "mallory" },\n    { name = "twig" },\n',
            ),
          ),
        }),
  };
}
