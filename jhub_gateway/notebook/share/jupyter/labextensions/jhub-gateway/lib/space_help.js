// How to make room, as the body of a dialog.
import { getExplanation } from "./space_text.js";

const FIND_LARGE = "du -ah ~ | sort -h | tail -n 20";

// make("p", "text", node, ...): an element with text and elements, and never HTML out of data
function make(tag, ...content) {
  const element = document.createElement(tag);
  element.append(...content);
  return element;
}

export function makeHelp(space) {
  const help = make("div", ...getExplanation(space).map((text) => make("p", text)));
  help.className = "jp-jhubGateway-help";
  const steps = [
    make(
      "li",
      "Delete files that you don't need, or download them and delete them here: in the file " +
        "browser, or in a terminal. There, ",
      make("code", FIND_LARGE),
      " lists the largest.",
    ),
  ];
  if (space.full || space.rescue) {
    steps.push(
      make("li", "Then choose ", make("b", "File > Hub Control Panel > Stop My Server"), "."),
      make("li", "Start your server again."),
    );
  }
  help.append(make("p", make("b", "How to make room")), make("ol", ...steps));
  return help;
}
