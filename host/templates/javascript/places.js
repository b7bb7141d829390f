/// The same functions, whose errors say where they were thrown: of an error the host is told the message alone, a text it is told whole.
function withPlaces(functions) {
  const withPlace = (call) => (...args) => {
    try {
      return call.apply(functions, args);
    } catch (error) {
      throw error instanceof Error ? `${error} ${error.stack.trim().replace(/\s*\n\s*/g, ", ")}` : error;
    }
  };
  return Object.fromEntries(Object.entries(functions).map(([name, call]) => [name, withPlace(call)]));
}
