package operatorfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type sample struct {
	Name    string             `mapstructure:"name"`
	On      bool               `mapstructure:"on"`
	Size    *float64           `mapstructure:"size"`
	Tags    []string           `mapstructure:"tags"`
	Numbers map[string]float64 `mapstructure:"numbers"`
	Key     secretText         `mapstructure:"key"`
	Rules   []struct {
		Name string `mapstructure:"name"`
	} `mapstructure:"rules"`
}

type secretText string

func (s *secretText) ReadNode(n Node) { *s = secretText(n.Secret().OneOf("known")) }

func TestDecodesEachKindOfValue(t *testing.T) {
	const text = `
name: 7
on: true
size: 1_000
tags: &tags [a, b]
numbers: {<<: {a: 1, b: 2}, b: 3}
key: known
rules: [{name: first}, {name: second}]
`
	var got sample
	require.NoError(t, DecodeYAML("file", "x.yaml", []byte(text), &got))
	size := 1000.0
	want := sample{Name: "7", On: true, Size: &size, Tags: []string{"a", "b"}, Numbers: map[string]float64{"a": 1, "b": 3}, Key: "known"}
	want.Rules = append(want.Rules, struct {
		Name string `mapstructure:"name"`
	}{"first"}, struct {
		Name string `mapstructure:"name"`
	}{"second"})
	require.Equal(t, want, got)
}

func TestFollowsAliasesAndMergesLists(t *testing.T) {
	const text = "{tags: &t [a], rules: [{name: &n x}, {name: *n}], numbers: {<<: [&a {a: 1}, *a, {a: 2, b: 3}]}}"
	var got sample
	require.NoError(t, DecodeYAML("file", "x.yaml", []byte(text), &got))
	require.Equal(t, "x", got.Rules[1].Name)
	require.Equal(t, map[string]float64{"a": 1, "b": 3}, got.Numbers)
}

func TestEmptyFilesAndKeysAddNothing(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "name:\nsize:\non:\ntags:\nnumbers:\nrules:\n", "name: ''", "{}"} {
		var got sample
		require.NoError(t, DecodeYAML("file", "x.yaml", []byte(text), &got), text)
		require.Zero(t, got, text)
	}
}

func TestFaultsNameLinePlaceValueAndExpectation(t *testing.T) {
	for text, want := range map[string]string{
		"\nnmae: x":                   "x.yaml:2: content='nmae': expected one of the keys name, on, size, tags, numbers, key, rules",
		"rules:\n- name: a\n- nam: b": "x.yaml:3: rules[1]='nam': expected the key name",
		"name: a\non: true\nname: b":  "x.yaml:3: name='b': expected each key once: line 1 has it, too",
		"numbers: {a: 1, a: 2}":       "x.yaml:1: numbers::a='2': expected each key once: line 1 has it, too",
		"[a]":                         "x.yaml:1: content='a list': expected a mapping",
		"tags: a":                     "x.yaml:1: tags='a': expected a list",
		"tags: {a: b}":                "x.yaml:1: tags='a mapping': expected a list",
		"tags: [[a]]":                 "x.yaml:1: tags[0]='a list': expected a text",
		"name: null":                  "x.yaml:1: name='null': expected a text",
		"on: maybe":                   "x.yaml:1: on='maybe': expected true or false",
		"size: '5'":                   "x.yaml:1: size='5': expected a number",
		"numbers: [1]":                "x.yaml:1: numbers='a list': expected a mapping",
		"key:":                        "x.yaml:1: key='0 characters': expected known",
		"key: hunter2":                "x.yaml:1: key='7 characters': expected known",
		"on: 1\nsize: x":              "x.yaml:1: on='1': expected true or false\nx.yaml:2: size='x': expected a number",
		"name: [":                     "file='x.yaml': expected YAML: line 1: did not find expected node content",
		"name: *b":                    "file='x.yaml': expected YAML: unknown anchor 'b' referenced",
		"name: a\n---\nname: b":       "file='x.yaml': expected one YAML document",
		"tags: [" + strings.Repeat("[], ", 22) + "]": manyFaults(),
	} {
		require.EqualError(t, DecodeYAML("file", "x.yaml", []byte(text), &sample{}), want, text)
	}
}

func manyFaults() string {
	lines := make([]string, 20)
	for i := range lines {
		lines[i] = fmt.Sprintf("x.yaml:1: tags[%d]='a list': expected a text", i)
	}
	return strings.Join(append(lines, "x.yaml: and 2 more"), "\n")
}

func TestJSONHasLinesToo(t *testing.T) {
	node, err := JSON("file", "x.json", []byte("{\n\t\"name\": \"a\\u00e9\",\n\t\"on\": true, \"size\": 1e3,\n\t\"numbers\": {\"a\": -2.5e-1}\n}"))
	require.NoError(t, err)
	var got sample
	node.Decode(&got)
	require.NoError(t, node.Err())
	require.Equal(t, "aé", got.Name)
	require.Equal(t, 1000.0, *got.Size)
	require.Equal(t, -0.25, got.Numbers["a"])
	for text, want := range map[string]string{
		"{\n\"size\": \"5\"}":                 "x.json:2: size='5': expected a number",
		"{\"size\": 1e999}":                   "x.json:1: size='1e999': expected a number",
		"{\"tags\": null}":                    "x.json:1: tags='null': expected a list",
		"{\"on\": \"true\"}":                  "x.json:1: on='true': expected true or false",
		"{\n\"on\": true,\n \"on\": false\n}": "x.json:3: on='false': expected each key once: line 2 has it, too",
	} {
		node, err := JSON("file", "x.json", []byte(text))
		require.NoError(t, err, text)
		node.Decode(&sample{})
		require.EqualError(t, node.Err(), want, text)
	}
	for text, want := range map[string]string{
		"":                  "line 1, column 1: unexpected end of JSON input",
		"{\n \"a\": [":      "line 2, column 7: unexpected end of JSON input",
		"{\n  \"a\": 1,\n}": "line 3, column 1: invalid character '}' looking for beginning of object key string",
		"{} {}":             "line 1, column 4: invalid character '{' after top-level value",
	} {
		_, err := JSON("file", "x.json", []byte(text))
		require.EqualError(t, err, "file='x.json': expected JSON: "+want, text)
	}
}

func TestObjectGivesTheKeysThatAreMissing(t *testing.T) {
	node, err := YAML("file", "x.yaml", []byte("a:\n  b: 1"))
	require.NoError(t, err)
	read := node.Object("a").Get("a").Object("b", "c")
	require.True(t, read.Has("b"))
	require.Equal(t, 1, read.Len())
	read.Get("c").Text()
	read.Get("b").NumberFrom(2, 3, "a number from 2 to 3")
	require.EqualError(t, node.Err(), "x.yaml:2: a::c='': expected a text\nx.yaml:2: a::b='1': expected a number from 2 to 3")
	require.EqualError(t, node.Key("a").Key("b").Error("another"), "x.yaml:2: a::b='1': expected another")
}

func TestLoadNamesSettingAndFile(t *testing.T) {
	folder := t.TempDir()
	missing, large := filepath.Join(folder, "none.yaml"), filepath.Join(folder, "large.yaml")
	require.NoError(t, os.WriteFile(large, make([]byte, maxBytes+1), 0o600))
	for file, want := range map[string]string{
		missing: "a readable file: no such file or directory",
		folder:  "a readable file: is a directory",
		large:   "at most 16 MiB",
	} {
		_, err := Load("policy_file", file)
		require.EqualError(t, err, "policy_file='"+file+"': expected "+want)
	}
	_, err := Load("policy_file", missing)
	require.ErrorIs(t, err, os.ErrNotExist)
}
