"use strict";

// pnpm loads a plugin from this file: 11 and 12 where there is no pnpmfile.mjs, 10 always.
module.exports = require("./dist/pnpmfile.cjs");
