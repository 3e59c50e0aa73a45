// Compiles a description of Kaitai Struct to Python: node compile.js FILE.ksy FOLDER
const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const yaml = require("js-yaml");
const compiler = require("kaitai-struct-compiler");

const [description, folder] = process.argv.slice(2);
compiler.compile("python", yaml.load(readFileSync(description, "utf8")), undefined, false).then((files) => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
});
