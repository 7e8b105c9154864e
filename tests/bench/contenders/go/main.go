// The handwritten peer: a consumer of franz-go, requests of net/http, so many at a time, a commit after each thousand.
//
// The rule: it does what a good first version in Go does, and promises nothing: no retries, no limit, no metrics;
// a crash sends up to a thousand events again. It takes a job as `tests.bench.contend` does, and prints the same figures.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const batchRecords = 1000

type job struct {
	Base        string `json:"base"`
	Events      int    `json:"events"`
	Concurrency int    `json:"concurrency"`
	Bootstrap   string `json:"bootstrap"`
	Topic       string `json:"topic"`
	Group       string `json:"group"`
}

type event struct {
	EventID string `json:"event_id"`
	ClickID string `json:"click_id"`
	Event   string `json:"event"`
	Payout  string `json:"payout"`
}

func main() {
	var todo job
	check(json.Unmarshal([]byte(os.Args[1]), &todo))
	consumer, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(todo.Bootstrap, ",")...),
		kgo.ConsumerGroup(todo.Group),
		kgo.ConsumeTopics(todo.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
	)
	check(err)
	defer consumer.Close()
	sender := &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: todo.Concurrency, MaxConnsPerHost: todo.Concurrency},
	}
	figures := work(consumer, sender, todo)
	said, err := json.Marshal(figures)
	check(err)
	fmt.Println(string(said))
}

// work sends all events, and says what that cost from the first record on.
func work(consumer *kgo.Client, sender *http.Client, todo job) map[string]float64 {
	ctx := context.Background()
	records := make(chan *kgo.Record)
	var pending sync.WaitGroup
	for range todo.Concurrency {
		go func() {
			for record := range records {
				send(sender, todo.Base, record.Value)
				pending.Done()
			}
		}()
	}
	var started time.Time
	var before float64
	for sent := 0; sent < todo.Events; {
		fetches := consumer.PollRecords(ctx, min(batchRecords, todo.Events-sent))
		check(fetches.Err())
		batch := fetches.Records()
		if len(batch) > 0 && sent == 0 {
			started, before = time.Now(), cpuSeconds()
		}
		pending.Add(len(batch))
		for _, record := range batch {
			records <- record
		}
		pending.Wait()
		check(consumer.CommitRecords(ctx, batch...))
		sent += len(batch)
	}
	count, cpu, wall := float64(todo.Events), cpuSeconds()-before, time.Since(started).Seconds()
	return map[string]float64{
		"events": count, "cpu_us": cpu / count * 1e6, "per_second": count / wall, "per_core": count / cpu,
		"rss_mb": peakMB(), "start_cpu_s": before,
	}
}

func send(sender *http.Client, base string, value []byte) {
	var told event
	check(json.Unmarshal(value, &told))
	target := fmt.Sprintf("%s/postback?measurement=1&click_id=%s&event=%s&payout=%s",
		base, url.QueryEscape(told.ClickID), url.QueryEscape(told.Event), url.QueryEscape(told.Payout))
	answer, err := sender.Get(target)
	check(err)
	_, err = io.Copy(io.Discard, answer.Body)
	check(err)
	check(answer.Body.Close())
	if answer.StatusCode != http.StatusOK {
		check(fmt.Errorf("HTTP %d", answer.StatusCode))
	}
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return seconds(usage.Utime) + seconds(usage.Stime)
}

func seconds(of syscall.Timeval) float64 { return float64(of.Sec) + float64(of.Usec)/1e6 }

// peakMB is the most memory held, 0 where the system does not tell.
func peakMB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, found := strings.Cut(string(status), "VmHWM:")
	if !found {
		return 0
	}
	var kilobytes float64
	if _, err := fmt.Sscan(after, &kilobytes); err != nil {
		return 0
	}
	return kilobytes / 1024
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
