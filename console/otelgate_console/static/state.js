// The state in the address: the range, the choices of variables, how often to ask again.

const VARIABLE = "var-";

/** The state in an address. `known`: the names of variables; others are left out. */
export function read(search, known, defaults) {
  const given = new URLSearchParams(search);
  const chosen = {};
  for (const name of known) if (given.has(VARIABLE + name)) chosen[name] = given.getAll(VARIABLE + name);
  return {
    from: given.get("from") || defaults.from,
    to: given.get("to") || defaults.to,
    refresh: given.get("refresh") ?? defaults.refresh,
    chosen,
  };
}

/** The range and the choices as parameters of an address. */
export function parameters(state) {
  const written = new URLSearchParams({ from: state.from, to: state.to });
  for (const [name, values] of Object.entries(state.chosen)) {
    for (const value of values) written.append(VARIABLE + name, value);
  }
  return written;
}

/** The address of a state: what is as the dashboard opens is left out. */
export function address(state, defaults) {
  const written = parameters(state);
  if (state.from === defaults.from && state.to === defaults.to) ["from", "to"].forEach((key) => written.delete(key));
  if (state.refresh !== defaults.refresh) written.set("refresh", state.refresh);
  const text = written.toString();
  return text && `?${text}`;
}
