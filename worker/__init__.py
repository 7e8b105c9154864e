"""postback-worker: conversion events in, postbacks out, offsets committed only after an ending."""
