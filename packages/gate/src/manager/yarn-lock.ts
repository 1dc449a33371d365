const classicHeader = /^# yarn lockfile v1\r?$/m;

/** Whether the start of a yarn.lock is that of Yarn 1; later ones are another format with other configuration. */
export const isClassicYarnLock = (head: string): boolean => classicHeader.test(head);
