/* Vega's expressions as functions. The tree of each is walked once, when a figure is drawn; Vega's own interpreter walks it
   at every evaluation, and copies its table of functions each time. No text becomes a script, so the page's policy holds. */
(() => {
  const named = (names) => Object.fromEntries(names.split(" ").map((name) => [name, Math[name]]));
  const CONSTANTS = { NaN, ...named("E LN2 LN10 LOG2E LOG10E PI SQRT1_2 SQRT2"), MIN_VALUE: Number.MIN_VALUE, MAX_VALUE: Number.MAX_VALUE };

  /* Those that Vega has in its language; all others come with a view. */
  const FUNCTIONS = {
    ...named("abs acos asin atan atan2 ceil cos exp floor hypot log max min pow random round sin sqrt tan"),
    isNaN: Number.isNaN,
    isFinite: Number.isFinite,
    clamp: (value, low, high) => Math.max(low, Math.min(high, value)),
    length: (list) => list.length,
    join: (list, ...rest) => list.join(...rest),
    indexof: (list, ...rest) => list.indexOf(...rest),
    lastindexof: (list, ...rest) => list.lastIndexOf(...rest),
    slice: (list, ...rest) => list.slice(...rest),
    reverse: (list) => list.slice().reverse(),
    parseFloat,
    parseInt,
    upper: (text) => String(text).toUpperCase(),
    lower: (text) => String(text).toLowerCase(),
    substring: (text, ...rest) => String(text).substring(...rest),
    split: (text, ...rest) => String(text).split(...rest),
    replace: (text, ...rest) => String(text).replace(...rest),
    trim: (text) => String(text).trim(),
    regexp: RegExp,
    test: (pattern, text) => RegExp(pattern).test(text),
  };

  const OF_EVENT = new Set(["view", "item", "group", "xy", "x", "y"]);
  const FORBIDDEN = new Set(["constructor", "prototype", "__proto__"]);

  const BINARY = {
    "*": (a, b) => (s) => a(s) * b(s),
    "+": (a, b) => (s) => a(s) + b(s),
    "-": (a, b) => (s) => a(s) - b(s),
    "/": (a, b) => (s) => a(s) / b(s),
    "%": (a, b) => (s) => a(s) % b(s),
    ">": (a, b) => (s) => a(s) > b(s),
    "<": (a, b) => (s) => a(s) < b(s),
    ">=": (a, b) => (s) => a(s) >= b(s),
    "<=": (a, b) => (s) => a(s) <= b(s),
    "==": (a, b) => (s) => a(s) == b(s),
    "!=": (a, b) => (s) => a(s) != b(s),
    "===": (a, b) => (s) => a(s) === b(s),
    "!==": (a, b) => (s) => a(s) !== b(s),
    "&": (a, b) => (s) => a(s) & b(s),
    "|": (a, b) => (s) => a(s) | b(s),
    "&&": (a, b) => (s) => a(s) && b(s),
    "||": (a, b) => (s) => a(s) || b(s),
  };
  const UNARY = { "+": (a) => (s) => +a(s), "-": (a) => (s) => -a(s), "!": (a) => (s) => !a(s), "~": (a) => (s) => ~a(s) };
  const OF_SCOPE = { datum: (s) => s.datum, event: (s) => s.event, item: (s) => s.item };

  function allowed(name) {
    if (FORBIDDEN.has(name)) throw new Error(`A figure's expression may not ask for ${name}.`);
    return name;
  }

  /* A function of a name: of the event, of the view or of the language. It is looked for when it is first called. */
  function called(name, table) {
    if (OF_EVENT.has(name)) return (s, values) => s.event.vega[name](...values);
    let found;
    return (s, values) => {
      found ??= table[name] ?? FUNCTIONS[name];
      if (!found) throw new Error(`A figure's expression asks for ${name}, which no view has.`);
      return found.apply(table, values);
    };
  }

  const KINDS = {
    Literal: ({ value, regex }) => (regex ? () => new RegExp(regex.pattern, regex.flags) : () => value),
    Identifier({ name }) {
      if (name in OF_SCOPE) return OF_SCOPE[name];
      if (name in CONSTANTS) return () => CONSTANTS[name];
      const signal = `$${name}`;
      return (s) => s.signals[signal];
    },
    MemberExpression({ object, property, computed }, table) {
      const of = compiled(object, table);
      if (!computed) {
        const name = allowed(property.name);
        return (s) => of(s)[name];
      }
      const key = compiled(property, table);
      return (s) => of(s)[allowed(key(s))];
    },
    CallExpression({ callee, arguments: given }, table) {
      const parts = given.map((each) => compiled(each, table));
      const name = callee.name.replace(/^_/, "");
      if (name === "if") return (s) => (parts[0](s) ? parts[1](s) : parts[2](s));
      const call = called(name, table);
      return (s) => call(s, parts.map((part) => part(s)));
    },
    ArrayExpression({ elements }, table) {
      const parts = elements.map((each) => compiled(each, table));
      return (s) => parts.map((part) => part(s));
    },
    BinaryExpression: ({ operator, left, right }, table) => BINARY[operator](compiled(left, table), compiled(right, table)),
    UnaryExpression: ({ operator, argument }, table) => UNARY[operator](compiled(argument, table)),
    ConditionalExpression({ test, consequent, alternate }, table) {
      const [is, then, other] = [test, consequent, alternate].map((each) => compiled(each, table));
      return (s) => (is(s) ? then(s) : other(s));
    },
    ObjectExpression({ properties }, table) {
      const parts = properties.map(({ key, value }) => [allowed(key.name ?? key.value), compiled(value, table)]);
      return (s) => Object.fromEntries(parts.map(([name, part]) => [name, part(s)]));
    },
  };
  KINDS.LogicalExpression = KINDS.BinaryExpression;

  function compiled(node, table) {
    return KINDS[node.type](node, table);
  }

  /* Where a mark lies, if both its ends or its middle are given. */
  function place(item, channels, swap, at, end, middle, size) {
    if (channels[end]) {
      if (!channels[at]) item[at] = item[end] - (item[size] || 0);
      else {
        if (swap && item[at] > item[end]) [item[at], item[end]] = [item[end], item[at]];
        item[size] = item[end] - item[at];
      }
    }
    if (channels[middle]) item[at] = item[middle] - (item[size] || 0) / 2;
  }

  /* What Vega asks of whoever evaluates its expressions; the first argument holds the view's functions. */
  window.reckonerExpressions = {
    operator({ functions }, { ast }) {
      const run = compiled(ast, functions);
      return (signals) => run({ signals });
    },
    parameter({ functions }, { ast }) {
      const run = compiled(ast, functions);
      return (datum, signals) => run({ signals, datum });
    },
    event({ functions }, { ast }) {
      const run = compiled(ast, functions);
      return (event) => run({ event });
    },
    handler({ functions }, { ast }) {
      const run = compiled(ast, functions);
      return (signals, event) => run({ signals, event, datum: event.item?.datum });
    },
    encode({ functions }, { marktype, channels }) {
      const swap = ["group", "image", "rect"].includes(marktype);
      const runs = Object.entries(channels).map(([name, { ast }]) => [name, compiled(ast, functions)]);
      return (item, signals) => {
        const scope = { signals, item, datum: item.datum };
        let changed = 0;
        for (const [name, run] of runs) {
          const value = run(scope);
          if (item[name] === value) continue;
          item[name] = value;
          changed = 1;
        }
        if (marktype !== "rule") {
          place(item, channels, swap, "x", "x2", "xc", "width");
          place(item, channels, swap, "y", "y2", "yc", "height");
        }
        return changed;
      };
    },
  };
})();
