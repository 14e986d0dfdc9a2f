// Command queries reads a JSON list of PromQL expressions from its input, and prints which labels
// each of them expects of which metric, as Prometheus' own parser understands it.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// use says that an expression needs a metric, and a label of it; an empty label is none.
type use struct {
	Metric string `json:"metric"`
	Label  string `json:"label"`
}

func main() {
	var expressions []string
	if err := json.NewDecoder(os.Stdin).Decode(&expressions); err != nil {
		fail(err)
	}
	found := make([][]use, 0, len(expressions))
	for _, text := range expressions {
		expression, err := parser.NewParser(parser.Options{}).ParseExpr(text)
		if err != nil {
			fail(fmt.Errorf("%s: %w", text, err))
		}
		found = append(found, listUses(expression))
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func listUses(expression parser.Node) []use {
	var uses []use
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		switch one := node.(type) {
		case *parser.VectorSelector:
			uses = append(uses, listOwn(one)...)
		case *parser.AggregateExpr:
			if !one.Without {
				uses = append(uses, spread(one.Expr, one.Grouping)...)
			}
		case *parser.BinaryExpr:
			if one.VectorMatching != nil && one.VectorMatching.On {
				uses = append(uses, spread(one, one.VectorMatching.MatchingLabels)...)
			}
		}
		return nil
	})
	return uses
}

func listOwn(selector *parser.VectorSelector) []use {
	uses := []use{{Metric: selector.Name}}
	for _, matcher := range selector.LabelMatchers {
		if matcher.Name != labels.MetricName {
			uses = append(uses, use{selector.Name, matcher.Name})
		}
	}
	return uses
}

// spread returns that each metric below has to have the labels.
func spread(expression parser.Node, names []string) []use {
	var uses []use
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			for _, name := range names {
				uses = append(uses, use{selector.Name, name})
			}
		}
		return nil
	})
	return uses
}
