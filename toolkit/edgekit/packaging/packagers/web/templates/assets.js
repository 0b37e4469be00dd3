/** Every asset, each in the form that bundlers recognize. */
export const ASSETS = {
[% for name in names %]
  '[[ name ]]': new URL('./assets/[[ name ]]', import.meta.url),
[% endfor %]
};
