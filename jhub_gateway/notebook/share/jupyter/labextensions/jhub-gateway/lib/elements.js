// make("p", "text", node, ...): an element with text and elements, and never HTML out of data
export function make(tag, ...content) {
  const element = document.createElement(tag);
  element.append(...content);
  return element;
}
