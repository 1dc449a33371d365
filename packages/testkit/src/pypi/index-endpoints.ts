import { cached, json, notFound, type Reply, type Request } from "../http/server.ts";
import type { StoredFile } from "./package-index.ts";

export type IndexView = {
  url: string;
  filesUrl: string;
  prefix: string;
  apiVersion: string;
  jsonApi: boolean;
  integrityApi: "served" | "disabled" | "missing";
  token: string | null;
  projects: ReadonlyMap<string, ReadonlyMap<string, StoredFile>>;
};

const simpleJson = "application/vnd.pypi.simple.v1+json";
const simpleHtml = "application/vnd.pypi.simple.v1+html";
const integrityJson = "application/vnd.pypi.integrity.v1+json";

/** `/simple/`, `/simple/<project>/` (PEP 503, 691, 700, 740) and `/integrity/<project>/<version>/<file>/provenance`. */
export function answerIndex(request: Request, view: IndexView): Reply {
  if (view.token !== null && !carriesToken(request.headers.authorization, view.token)) {
    return { status: 401, headers: { "www-authenticate": "Basic" }, body: "" };
  }
  if (!request.path.startsWith(`${view.prefix}/`)) return notFound;
  const [area, project = "", version = "", file = "", last = ""] = request.path
    .slice(view.prefix.length + 1)
    .split("/")
    .map(decodeURIComponent);
  if (area === "integrity" && last === "provenance") return provenance(request, view, project, version, file);
  if (area !== "simple") return notFound;
  if (project === "") return projectList(request, view);
  const files = view.projects.get(project);
  if (files === undefined) return notFound;
  if (!request.path.endsWith("/")) return { status: 301, headers: { location: `${request.path}/` } };
  return wantsJson(request, view)
    ? simple(request, view, project, [...files.values()])
    : html(request, view, project, [...files.values()]);
}

/** Basic authentication with the token as its password, or a bearer token. */
const carriesToken = (authorization: string | undefined, token: string): boolean =>
  authorization === `Bearer ${token}` ||
  Buffer.from(authorization?.replace(/^Basic /, "") ?? "", "base64")
    .toString()
    .endsWith(`:${token}`);

const wantsJson = (request: Request, view: IndexView): boolean =>
  view.jsonApi && request.headers.accept?.includes(simpleJson) === true;

const newerThan12 = (apiVersion: string): boolean => Number(apiVersion.split(".")[1]) >= 3;

function simple(request: Request, view: IndexView, project: string, files: readonly StoredFile[]): Reply {
  const document = {
    meta: { "api-version": view.apiVersion, "_last-serial": 1 },
    name: project,
    versions: [...new Set(files.map(({ version }) => version))],
    files: files.map((file) => ({
      filename: file.filename,
      url: fileUrl(view, file),
      hashes: { sha256: file.sha256 },
      ...(file.requiresPython === null ? {} : { "requires-python": file.requiresPython }),
      size: file.size,
      ...(file.uploadedAt === null ? {} : { "upload-time": new Date(file.uploadedAt).toISOString() }),
      yanked: file.yanked ?? false,
      "core-metadata": file.metadata === null ? false : { sha256: file.metadataSha256 },
      ...(newerThan12(view.apiVersion) ? { provenance: provenanceUrl(view, project, file) } : {}),
      ...file.override,
    })),
  };
  return json(request, document, { "content-type": simpleJson });
}

function html(request: Request, view: IndexView, project: string, files: readonly StoredFile[]): Reply {
  const links = files.map((file) => {
    const attributes = [
      `href="${fileUrl(view, file)}#sha256=${file.sha256}"`,
      ...(file.requiresPython === null ? [] : [`data-requires-python="${escape(file.requiresPython)}"`]),
      ...(file.yanked === null ? [] : [`data-yanked="${escape(file.yanked)}"`]),
      ...(file.metadata === null ? [] : [`data-core-metadata="sha256=${file.metadataSha256}"`]),
    ];
    return `<a ${attributes.join(" ")}>${file.filename}</a><br />`;
  });
  const type =
    request.headers.accept?.includes(simpleHtml) === true ? simpleHtml : "text/html; charset=UTF-8";
  const body = `<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.1"><title>${project}</title></head><body>\n${links.join("\n")}\n</body></html>\n`;
  return cached(request, body, { "content-type": type });
}

function projectList(request: Request, view: IndexView): Reply {
  const names = [...view.projects.keys()];
  if (wantsJson(request, view)) {
    const document = { meta: { "api-version": view.apiVersion }, projects: names.map((name) => ({ name })) };
    return json(request, document, { "content-type": simpleJson });
  }
  const body = `<!DOCTYPE html>\n<html><body>${names.map((name) => `<a href="${name}/">${name}</a>`).join("\n")}</body></html>`;
  return cached(request, body, { "content-type": "text/html; charset=UTF-8" });
}

function provenance(
  request: Request,
  view: IndexView,
  project: string,
  version: string,
  filename: string,
): Reply {
  if (view.integrityApi === "disabled")
    return {
      status: 403,
      headers: { "content-type": "application/json" },
      body: '{"message":"attestations are disabled"}',
    };
  const file = view.projects.get(project)?.get(filename);
  if (
    view.integrityApi === "missing" ||
    file === undefined ||
    file.version !== version ||
    file.provenance === null
  )
    return notFound;
  return json(request, file.provenance, { "content-type": integrityJson });
}

const provenanceUrl = (view: IndexView, project: string, file: StoredFile): string | null =>
  file.provenance === null || view.integrityApi !== "served"
    ? null
    : `${view.url}integrity/${project}/${file.version}/${encodeURIComponent(file.filename)}/provenance`;

const fileUrl = (view: IndexView, file: StoredFile): string =>
  file.url ?? `${view.filesUrl}${filePath(file)}`;

/** Files lie below the start of their digest, as on large indexes. */
export const filePath = (file: { sha256: string; filename: string }): string =>
  `packages/${file.sha256.slice(0, 2)}/${file.sha256.slice(2, 4)}/${file.sha256.slice(4)}/${file.filename}`;

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
