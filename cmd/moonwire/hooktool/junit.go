package hooktool

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

// The shapes of JUnit's XML, as CI systems read it.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		File     string      `xml:"file,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string     `xml:"name,attr"`
		Class   string     `xml:"classname,attr"`
		File    string     `xml:"file,attr"`
		Line    int        `xml:"line,attr,omitempty"`
		Time    string     `xml:"time,attr"`
		Failure *junitText `xml:"failure"`
		Error   *junitText `xml:"error"`
		Out     string     `xml:"system-out,omitempty"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junitXML returns the results as XML. A file that cannot be loaded is an error of
// a test that has its name.
func junitXML(suites []*suite) ([]byte, error) {
	var out junitSuites
	for _, s := range suites {
		js := junitSuite{Name: s.file, File: s.file, Tests: len(s.tests), Failures: s.failed(), Time: seconds(s.took)}
		for _, r := range s.tests {
			c := junitCase{Name: r.name, Class: s.script.File, File: s.file, Line: r.line, Time: seconds(r.took), Out: strings.Join(r.logs, "\n")}
			if r.failure != nil {
				c.Failure = &junitText{r.failure.text, strings.Join(r.failure.lines(), "\n")}
			}
			js.Cases = append(js.Cases, c)
		}
		if s.err != nil {
			js.Tests, js.Errors = js.Tests+1, 1
			js.Cases = append(js.Cases, junitCase{
				Name: s.file, Class: s.script.File, File: s.file, Time: seconds(s.took), Error: &junitText{s.err.Error(), s.err.Error()},
			})
		}
		out.Tests, out.Failures, out.Errors = out.Tests+js.Tests, out.Failures+js.Failures, out.Errors+js.Errors
		out.Suites = append(out.Suites, js)
	}
	b, err := xml.MarshalIndent(out, "", "  ")
	return append([]byte(xml.Header), append(b, '\n')...), err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
