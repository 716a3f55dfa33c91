// @grafana/ui imports this package's default from an .mjs, to which esbuild hands module.exports: so it must be the component.
// The bundler knows the package itself under another name, since its own is taken by this file.
const real = require('real-scrollbars');
module.exports = Object.assign(real.Scrollbars, { Scrollbars: real.Scrollbars });
