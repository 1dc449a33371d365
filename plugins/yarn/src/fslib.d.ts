/** Yarn gives its own copy to plugins; it is never bundled. */
declare module "@yarnpkg/fslib" {
  export const npath: { fromPortablePath(path: string): string };
}
