// All credentials and how they are, as the body of a dialog.
import { getEnd, getSentences, getWord } from "./credentials_text.js";
import { make } from "./elements.js";

function makeHead(scope, text) {
  const head = make("th", text);
  head.scope = scope;
  return head;
}

function makeRow(credential) {
  const state = make("td", getWord(credential));
  state.dataset.state = credential.state;
  const name = makeHead("row", credential.name);
  return make("tr", name, make("td", credential.audience), state, make("td", getEnd(credential)));
}

function makeTable({ credentials }) {
  const heads = ["Name", "For", "State", "Valid until"].map((text) => makeHead("col", text));
  const body = make("tbody", ...credentials.map(makeRow));
  return make("table", make("thead", make("tr", ...heads)), body);
}

function makeSentence({ names, sentence }) {
  return names ? make("p", make("b", names), `: ${sentence}`) : make("p", sentence);
}

export function makePanel(health) {
  const table = health.credentials.length > 0 ? [makeTable(health)] : [];
  const panel = make("div", ...table, ...getSentences(health).map(makeSentence));
  panel.className = "jp-jhubGateway-panel";
  return panel;
}
